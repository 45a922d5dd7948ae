// One walk over the header fields; those that are not ours cost one comparison.
#include "llm-mock/request_plan.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"
#include "http/header_map.h"
#include "llm-kit/command_line.h"
#include "llm-kit/distribution.h"
#include "llm-mock/options.h"

namespace sluice::llm_mock {

namespace {

constexpr std::string_view kPrefix = "x-mock-";

bool read_ms(std::string_view value, llm_kit::Distribution& distribution) {
    double ms = 0;
    const bool good = llm_kit::parse_number(value, ms);
    distribution.mean = Duration::nanoseconds(static_cast<int64_t>(ms * 1e6));
    return good;
}

bool read_count(std::string_view value, uint32_t& count) {
    const std::optional<uint64_t> number = parse_decimal(value);
    count = static_cast<uint32_t>(number.value_or(0));
    return number && *number <= UINT32_MAX;
}

bool apply(std::string_view name, std::string_view value, RequestPlan& plan) {
    const auto is = [name](std::string_view word) { return equals_ignoring_case(name, word); };
    if (is("ttft-ms")) {
        return read_ms(value, plan.pace.first_token);
    }
    if (is("itl-ms")) {
        return read_ms(value, plan.pace.next_token);
    }
    if (is("tokens")) {
        return read_count(value, plan.answer.tokens);
    }
    if (is("burst")) {
        return read_count(value, plan.pace.burst) && plan.pace.burst > 0;
    }
    if (is("event-bytes")) {
        return read_count(value, plan.answer.event_bytes);
    }
    if (is("stamp")) {
        plan.answer.stamped = value == "1";
        return true;
    }
    if (is("echo")) {
        plan.is_echo = value == "1";
        return true;
    }
    if (is("fault")) {
        plan.fault_script = value;
        return true;
    }
    if (is("key")) {
        plan.key = value;
        return true;
    }
    return false;
}

}  // namespace

bool make_plan(const MockOptions& options,
               const http::HeaderMap& headers,
               RequestPlan& plan,
               std::string& wrong) {
    plan.pace = options.pace;
    plan.answer = {.tokens = options.tokens,
                   .event_bytes = options.event_bytes,
                   .stamped = options.stamps,
                   .model = {}};
    for (const http::HeaderField& field : headers) {
        const bool is_ours = field.id == http::HeaderId::other &&
                             field.name.size() > kPrefix.size() &&
                             equals_ignoring_case(field.name.substr(0, kPrefix.size()), kPrefix);
        if (is_ours && !apply(field.name.substr(kPrefix.size()), field.value, plan)) {
            wrong = fmt::format("cannot read {}: {}", field.name, field.value);
            return false;
        }
    }
    return true;
}

}  // namespace sluice::llm_mock
