// AdminQuery: the parameters of a request to the admin API, read by name, decoded and checked.
//
// A handler takes those that it knows; the first thing that is wrong, a parameter that nobody took
// among them, becomes the answer. Lives in the handler's frame, as long as the call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "server/admin_api.h"

namespace sluice::server {

// How many of a list, and from which one on.
struct AdminPage {
    uint64_t limit = 0;
    uint64_t offset = 0;

    bool holds(uint64_t index) const { return index >= offset && index - offset < limit; }
};

class AdminQuery {
public:
    explicit AdminQuery(std::string_view query);

    // Empty where it is absent.
    std::string_view text(std::string_view name);
    uint64_t number(std::string_view name, uint64_t absent, uint64_t max);
    // The parameters limit and offset.
    AdminPage page(uint64_t limit_absent, uint64_t limit_max);
    // For what the handler itself finds wrong with one.
    void complain(std::string text);
    // The answer where something is wrong; asked when all known parameters were taken.
    std::optional<AdminAnswer> refusal();

private:
    struct Item {
        std::string_view name;
        std::string_view value;
        bool is_taken = false;
    };

    Arena arena_;
    std::vector<Item> items_;
    std::string error_;
};

// A parameter of the path, decoded; nothing when it is no valid encoding.
std::optional<std::string_view> decoded_parameter(const AdminCall& call,
                                                  size_t index,
                                                  Arena& arena);

}  // namespace sluice::server
