// Anthropic Messages: named events, usage in two places.
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/result.h"
#include "json/document.h"
#include "llm-kit/wire_form.h"
#include "providers/simulated_llm.h"
#include "providers/simulated_request.h"

namespace sluice::llm_kit {

namespace {

Status read(const json::Document& document,
            providers::SimulatedRequest& request,
            Arena& /*arena*/) {
    TRY(request.tokens_max, providers::read_simulated_count(document, "/max_tokens", UINT32_MAX,
                                                            "'max_tokens' must be at least 1"));
    if (!request.tokens_max) {
        return providers::bad_simulated_field("'max_tokens' is required");
    }
    if (!document.has("/messages")) {
        return providers::bad_simulated_field("'messages' is required");
    }
    providers::add_simulated_prompt(document, "/system", request.prompt);
    providers::add_simulated_prompt(document, "/messages", request.prompt);
    return {};
}

std::string event(std::string_view name, std::string_view rest) {
    return fmt::format("event: {}\ndata: {{\"type\":\"{}\"{}}}\n\n", name, name, rest);
}

std::string_view stop_reason(const Said& said) {
    return said.is_cut ? "max_tokens" : "end_turn";
}

// `stop` is JSON.
std::string message(const Said& said,
                    std::string_view content,
                    std::string_view stop,
                    uint32_t output_tokens) {
    return fmt::format(
        R"({{"id":"msg_{}","type":"message","role":"assistant","model":{},"content":[{}],)"
        R"("stop_reason":{},"stop_sequence":null,"usage":{{"input_tokens":{},)"
        R"("cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":{}}}}})",
        said.id, quoted(said.model), content, stop, said.usage.prompt_tokens, output_tokens);
}

std::string body(const Said& said) {
    return message(said, fmt::format(R"({{"type":"text","text":{}}})", quoted(said.text)),
                   quoted(stop_reason(said)), said.usage.completion_tokens);
}

Events opening(const Said& said) {
    return {event("message_start", ",\"message\":" + message(said, "", "null", 1)),
            event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})"),
            event("ping", "")};
}

std::string token(const Said& /*said*/, std::string_view word) {
    return event(
        "content_block_delta",
        fmt::format(R"(,"index":0,"delta":{{"type":"text_delta","text":{}}})", quoted(word)));
}

Events closing(const Said& said) {
    return {event("content_block_stop", R"(,"index":0)"),
            event("message_delta",
                  fmt::format(R"(,"delta":{{"stop_reason":"{}","stop_sequence":null}},)"
                              R"("usage":{{"output_tokens":{}}})",
                              stop_reason(said), said.usage.completion_tokens)),
            event("message_stop", "")};
}

std::string_view error_name(uint16_t status) {
    switch (status) {
        case 401:
            return "authentication_error";
        case 403:
            return "permission_error";
        case 404:
            return "not_found_error";
        case 413:
            return "request_too_large";
        case 429:
            return "rate_limit_error";
        case 529:
            return "overloaded_error";
        default:
            return status < 500 ? "invalid_request_error" : "api_error";
    }
}

std::string error_object(std::string_view name, std::string_view message) {
    return fmt::format(R"("error":{{"type":"{}","message":{}}})", name, quoted(message));
}

std::string error_body(uint16_t status, std::string_view message) {
    return R"({"type":"error",)" + error_object(error_name(status), message) + "}\n";
}

std::string error_event() {
    return event("error", "," + error_object("api_error", kStopped));
}

std::string broken_event() {
    return "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"ind\n\n";
}

}  // namespace

constinit const WireForm kMessagesForm = {.stream_type = "text/event-stream",
                                          .read = read,
                                          .body = body,
                                          .opening = opening,
                                          .token = token,
                                          .closing = closing,
                                          .error_body = error_body,
                                          .error_event = error_event,
                                          .broken_event = broken_event};

}  // namespace sluice::llm_kit
