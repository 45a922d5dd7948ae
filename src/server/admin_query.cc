// Taking apart, decoding, and what was left over.
#include "server/admin_query.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/text.h"
#include "http/url.h"
#include "server/admin_api.h"

namespace sluice::server {

AdminQuery::AdminQuery(std::string_view query) {
    while (const std::optional<http::QueryItem> item = http::next_query_item(query)) {
        const auto name = http::percent_decode(arena_, item->name);
        const auto value = http::percent_decode(arena_, item->value);
        if (!name || !value) {
            complain("the query is not percent-encoded as it should be");
            continue;
        }
        if (std::ranges::find(items_, *name, &Item::name) != items_.end()) {
            complain(fmt::format("the parameter {} stands there twice", *name));
            continue;
        }
        items_.push_back({.name = *name, .value = *value});
    }
}

std::string_view AdminQuery::text(std::string_view name) {
    const auto found = std::ranges::find(items_, name, &Item::name);
    if (found == items_.end()) {
        return {};
    }
    found->is_taken = true;
    return found->value;
}

uint64_t AdminQuery::number(std::string_view name, uint64_t absent, uint64_t max) {
    const std::string_view value = text(name);
    if (value.empty()) {
        return absent;
    }
    const std::optional<uint64_t> number = parse_decimal(value);
    if (!number || *number > max) {
        complain(fmt::format("{} must be a whole number from 0 to {}", name, max));
        return absent;
    }
    return *number;
}

AdminPage AdminQuery::page(uint64_t limit_absent, uint64_t limit_max) {
    return {.limit = number("limit", limit_absent, limit_max),
            .offset = number("offset", 0, UINT32_MAX)};
}

void AdminQuery::complain(std::string text) {
    error_ = error_.empty() ? std::move(text) : error_;
}

std::optional<AdminAnswer> AdminQuery::refusal() {
    const auto unknown = std::ranges::find(items_, false, &Item::is_taken);
    if (unknown != items_.end()) {
        complain(fmt::format("{} is no parameter of this endpoint", unknown->name));
    }
    return error_.empty() ? std::nullopt
                          : std::optional(admin_error(400, "invalid_parameter", error_));
}

std::optional<std::string_view> decoded_parameter(const AdminCall& call,
                                                  size_t index,
                                                  Arena& arena) {
    return http::percent_decode(arena, call.parameters[index]);
}

}  // namespace sluice::server
