// The parts of discovery.k8s.io/v1 that matter: addresses, ports, whether an endpoint is ready, and
// which pod it is.
#include "server/endpoint_slices.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balance/member.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "config/member_file.h"
#include "json/tree.h"
#include "json/unescape.h"

namespace sluice::server {

namespace {

using balance::Member;

constexpr size_t kTextBytesMax = 256;
constexpr int64_t kGone = 410;

std::unexpected<Error> malformed(const char* where) {
    return fail(
        Error{.kind = ErrorKind::invalid_json, .source = ErrorSource::upstream, .where = where});
}

std::string text_of(const json::Value& value) {
    Arena arena;
    const auto text = json::unescape(value.text().raw, arena);
    return text && text->size() <= kTextBytesMax ? std::string(*text) : std::string();
}

// Of the port with that name; 0 when there is none that can be used.
uint16_t port_of(const json::Value& slice, std::string_view name) {
    for (const json::Value& port : slice["ports"]) {
        const std::optional<int64_t> number = port["port"].integer();
        const bool is_wanted = name.empty() || text_of(port["name"]) == name;
        if (is_wanted && number && *number > 0 && *number <= UINT16_MAX) {
            return static_cast<uint16_t>(*number);
        }
    }
    return 0;
}

// An endpoint without a word about it counts as ready.
bool is_ready(const json::Value& endpoint) {
    const json::Value& ready = endpoint["conditions"]["ready"];
    return ready.is_nothing() || ready.is_true();
}

}  // namespace

// Of the addresses of an endpoint all mean the same; the first is taken.
Status EndpointSlices::put(const json::Value& slice, Slices& to) const {
    const std::string name = text_of(slice["metadata"]["name"]);
    if (name.empty()) {
        return malformed("a slice without a name");
    }
    if (to.size() >= kSlicesMax && !to.contains(name)) {
        return malformed("too many slices");
    }
    std::vector<Member>& members = to[name];
    members.clear();
    const uint16_t port = port_of(slice, port_name_);
    const bool is_v6 = slice["addressType"].text() == "IPv6";
    for (const json::Value& endpoint : slice["endpoints"]) {
        const json::Value& addresses = endpoint["addresses"];
        if (port == 0 || !is_ready(endpoint) || addresses.size() == 0) {
            continue;
        }
        const std::string host = text_of(*addresses.begin());
        std::string address = (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
        if (config::is_member_address(address) && members.size() < config::kMembersMax) {
            members.push_back(
                {.address = std::move(address), .instance = text_of(endpoint["targetRef"]["uid"])});
        }
    }
    return {};
}

Status EndpointSlices::take_list(std::string_view json) {
    Arena arena;
    TRY(const json::Value* const list, json::Value::parse(json, arena, ErrorSource::upstream));
    std::string version = text_of((*list)["metadata"]["resourceVersion"]);
    if (version.empty() || !(*list)["items"].is_array()) {
        return malformed("no list of slices");
    }
    Slices slices;
    for (const json::Value& slice : (*list)["items"]) {
        TRY_VOID(put(slice, slices));
    }
    slices_ = std::move(slices);
    version_ = std::move(version);
    return {};
}

Result<EndpointSlices::Event> EndpointSlices::take_event(std::string_view json) {
    Arena arena;
    TRY(const json::Value* const event, json::Value::parse(json, arena, ErrorSource::upstream));
    const std::string_view type = (*event)["type"].text().raw;
    const json::Value& object = (*event)["object"];
    if (type == "ERROR") {
        if (object["code"].integer() == kGone) {
            return Event::expired;
        }
        return malformed("the watch has ended with an error");
    }
    std::string version = text_of(object["metadata"]["resourceVersion"]);
    if (version.empty()) {
        return malformed("an event without a version");
    }
    Event outcome = Event::changed;
    if (type == "ADDED" || type == "MODIFIED") {
        TRY_VOID(put(object, slices_));
    } else if (type == "DELETED") {
        slices_.erase(text_of(object["metadata"]["name"]));
    } else {
        outcome = Event::none;  // A bookmark says from where to go on, and nothing else.
    }
    version_ = std::move(version);
    return outcome;
}

std::vector<balance::Member> EndpointSlices::members() const {
    std::vector<Member> all;
    for (const auto& [name, members] : slices_) {
        all.insert(all.end(), members.begin(), members.end());
    }
    return all;
}

}  // namespace sluice::server
