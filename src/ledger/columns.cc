// The table of columns. A new one is a line here, and a later kSchemaVersion.
#include "ledger/columns.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/text.h"
#include "ledger/entry.h"

namespace sluice::ledger {

namespace {

template <auto kMember>
int64_t number(const Entry& entry) {
    return static_cast<int64_t>(entry.*kMember);
}

template <auto kMember>
std::string_view text(const Entry& entry) {
    return (entry.*kMember).view();
}

constexpr Column kColumns[] = {
    {.name = "id"},
    {.name = "started_at_ns", .number = number<&Entry::started_at_ns>},
    {.name = "key_id", .text = text<&Entry::key_id>},
    {.name = "tenant", .text = text<&Entry::tenant>},
    {.name = "operation", .text = text<&Entry::operation>},
    {.name = "model", .text = text<&Entry::model>},
    {.name = "provider", .text = text<&Entry::provider>},
    {.name = "upstream_model", .text = text<&Entry::upstream_model>},
    {.name = "status", .number = number<&Entry::status>},
    {.name = "ending", .text = [](const Entry& entry) { return ending_name(entry.ending); }},
    {.name = "is_stream", .number = number<&Entry::is_stream>},
    {.name = "attempts", .number = number<&Entry::attempts>},
    {.name = "input_tokens", .number = number<&Entry::input_tokens>},
    {.name = "cached_tokens", .number = number<&Entry::cached_tokens>},
    {.name = "cache_write_tokens", .number = number<&Entry::cache_write_tokens>},
    {.name = "output_tokens", .number = number<&Entry::output_tokens>},
    {.name = "reasoning_tokens", .number = number<&Entry::reasoning_tokens>},
    {.name = "is_estimated", .number = number<&Entry::is_estimated>},
    {.name = "cost_pico", .number = number<&Entry::cost_pico>},
    {.name = "is_priced", .number = number<&Entry::is_priced>},
    {.name = "price_version", .text = text<&Entry::price_version>},
    {.name = "latency_ms", .number = number<&Entry::latency_ms>},
    {.name = "ttft_ms", .number = number<&Entry::ttft_ms>},
    {.name = "request_bytes", .number = number<&Entry::request_bytes>},
    {.name = "response_bytes", .number = number<&Entry::response_bytes>},
};

bool is_plain(char c) {
    return c >= ' ' && c <= '~';
}

bool is_control(char c) {
    return (c >= 0 && c < ' ') || c == '\x7f';
}

}  // namespace

std::span<const Column> columns() {
    return kColumns;
}

std::string column_names() {
    std::string names;
    for (const Column& column : kColumns) {
        names += names.empty() ? "" : ", ";
        names += column.name;
    }
    return names;
}

std::string_view clean(std::string_view text, std::string& scratch) {
    if (std::ranges::all_of(text, is_plain)) {
        return text;
    }
    scratch.clear();
    while (!text.empty()) {
        const size_t length = utf8_length(text);
        const bool is_fine = length > 0 && !is_control(text.front());
        scratch += is_fine ? text.substr(0, length) : "?";
        text.remove_prefix(std::max<size_t>(length, 1));
    }
    return scratch;
}

}  // namespace sluice::ledger
