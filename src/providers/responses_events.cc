// One table for the four kinds of items, and the event that says that the stream has failed.
#include "providers/responses_events.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "json/writer.h"
#include "providers/provider_error.h"
#include "providers/responses.h"
#include "providers/responses_output.h"

namespace sluice::providers {

namespace {

constexpr size_t kDigitsMax = 20;

constexpr std::array<ItemEvents, 4> kItemEvents = {{
    {"response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
     "response.reasoning_summary_text.done", "response.reasoning_summary_part.done", "text",
     "summary_index"},
    {"response.content_part.added", "response.output_text.delta", "response.output_text.done",
     "response.content_part.done", "text", "content_index"},
    {"response.content_part.added", "response.refusal.delta", "response.refusal.done",
     "response.content_part.done", "refusal", "content_index"},
    {"", "response.function_call_arguments.delta", "response.function_call_arguments.done", "",
     "arguments", ""},
}};

}  // namespace

const ItemEvents& item_events(ItemKind kind) {
    return kItemEvents[static_cast<size_t>(kind)];
}

void append_response_number(uint64_t value, json::TextOutput& output) {
    output.commit(write_decimal(value, output.room(kDigitsMax)));
}

void append_response_event(std::string_view type, json::TextOutput& output) {
    output.append("event: ");
    output.append(type);
    output.append("\ndata: {\"type\":\"");
    output.append(type);
    output.append('"');
}

void write_response_error(const ProviderError& error, uint64_t number, json::TextOutput& output) {
    append_response_event("error", output);
    output.append(",\"sequence_number\":");
    append_response_number(number, output);
    const auto nullable = [&output](std::string_view key, std::string_view value) {
        output.append(key);
        output.append(value.empty() ? "null" : "\"");
        json::append_escaped(output, value);
        output.append(value.empty() ? "" : "\"");
    };
    nullable(",\"code\":", error.code.empty() ? error.type : error.code);
    nullable(",\"message\":", error.message);
    nullable(",\"param\":", error.param);
    output.append("}\n\n");
}

void encode_responses_error_event(const ProviderError& error,
                                  std::string_view,
                                  json::TextOutput& output) {
    write_response_error(error, 0, output);
}

}  // namespace sluice::providers
