// EndpointSlices: those of one service of Kubernetes, as its API lists them and then tells what
// becomes of each.
//
// Holds what was told last of every slice; the endpoints of all of them together are the members.
// Pure; the API's words are checked as anybody's. Control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balance/member.h"
#include "base/result.h"
#include "json/tree.h"

namespace sluice::server {

class EndpointSlices {
public:
    // A slice has a hundred endpoints at most, unless somebody has set it otherwise.
    static constexpr size_t kSlicesMax = 1'024;

    // `port_name`: which of a slice's ports; empty is the first.
    explicit EndpointSlices(std::string port_name) : port_name_(std::move(port_name)) {}

    // An EndpointSliceList, which replaces what was known. With an error nothing has changed.
    Status take_list(std::string_view json);

    enum class Event : uint8_t {
        none,     // Nothing that the members depend on.
        changed,  // They may be others now.
        expired,  // What was asked for is too old: list again.
    };
    // One line of a watch.
    Result<Event> take_event(std::string_view json);

    // From where a watch goes on.
    const std::string& version() const { return version_; }
    // Only a list tells another one.
    void forget_version() { version_.clear(); }
    // Those that are ready.
    std::vector<balance::Member> members() const;

private:
    using Slices = std::map<std::string, std::vector<balance::Member>, std::less<>>;

    Status put(const json::Value& slice, Slices& to) const;

    const std::string port_name_;
    std::string version_;
    Slices slices_;
};

}  // namespace sluice::server
