// Bedrock Converse: JSON inside the binary frames of AWS event streams.
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/result.h"
#include "json/document.h"
#include "llm-kit/aws_frame.h"
#include "llm-kit/wire_form.h"
#include "providers/simulated_llm.h"
#include "providers/simulated_request.h"

namespace sluice::llm_kit {

namespace {

Status read(const json::Document& document,
            providers::SimulatedRequest& request,
            Arena& /*arena*/) {
    TRY(request.tokens_max,
        providers::read_simulated_count(document, "/inferenceConfig/maxTokens", UINT32_MAX,
                                        "maxTokens must be at least 1"));
    if (!document.has("/messages")) {
        return providers::bad_simulated_field("messages is required");
    }
    providers::add_simulated_prompt(document, "/system", request.prompt);
    providers::add_simulated_prompt(document, "/messages", request.prompt);
    return {};
}

std::string event(std::string_view name, std::string_view payload) {
    return aws_frame("event", name, payload);
}

// --- Answers.

std::string_view stop_reason(const Said& said) {
    return said.is_cut ? "max_tokens" : "end_turn";
}

std::string usage(const Said& said) {
    return fmt::format(R"("usage":{{"inputTokens":{},"outputTokens":{},"totalTokens":{}}},)"
                       R"("metrics":{{"latencyMs":1}})",
                       said.usage.prompt_tokens, said.usage.completion_tokens,
                       said.usage.total_tokens());
}

std::string body(const Said& said) {
    return fmt::format(
        R"({{"output":{{"message":{{"role":"assistant","content":[{{"text":{}}}]}}}},)"
        R"("stopReason":"{}",{}}})",
        quoted(said.text), stop_reason(said), usage(said));
}

Events opening(const Said& /*said*/) {
    return {event("messageStart", R"({"role":"assistant"})")};
}

std::string token(const Said& /*said*/, std::string_view word) {
    return event("contentBlockDelta",
                 fmt::format(R"({{"contentBlockIndex":0,"delta":{{"text":{}}}}})", quoted(word)));
}

Events closing(const Said& said) {
    return {event("contentBlockStop", R"({"contentBlockIndex":0})"),
            event("messageStop", fmt::format(R"({{"stopReason":"{}"}})", stop_reason(said))),
            event("metadata", "{" + usage(said) + "}")};
}

std::string broken_event() {
    return event("contentBlockDelta", R"({"contentBlockIndex":0,"del)");
}

}  // namespace

constinit const WireForm kConverseForm = {.stream_type = "application/vnd.amazon.eventstream",
                                          .has_comments = false,
                                          .read = read,
                                          .body = body,
                                          .opening = opening,
                                          .token = token,
                                          .closing = closing,
                                          .error_body = aws_error_body,
                                          .error_type = aws_error_type,
                                          .error_event = aws_error_event,
                                          .broken_event = broken_event};

}  // namespace sluice::llm_kit
