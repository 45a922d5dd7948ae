// Ollama's own chat: a line of JSON for each token, and a stream unless it is told otherwise.
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/result.h"
#include "json/document.h"
#include "llm-kit/wire_form.h"
#include "providers/simulated_llm.h"
#include "providers/simulated_request.h"

namespace sluice::llm_kit {

namespace {

Status read(const json::Document& document, providers::SimulatedRequest& request) {
    // Less than 1 is no limit here.
    const int64_t limit = document.integer("/options/num_predict").value_or(0);
    if (limit > 0 && limit <= UINT32_MAX) {
        request.tokens_max = static_cast<uint32_t>(limit);
    }
    if (!document.has("/messages")) {
        return providers::bad_simulated_field("messages is required");
    }
    providers::add_simulated_prompt(document, "/messages", request.prompt);
    return {};
}

std::string line(const Said& said, std::string_view text, bool is_last) {
    const std::string end =
        is_last ? fmt::format(R"(,"done_reason":"{}","total_duration":3000000,)"
                              R"("load_duration":1000000,"prompt_eval_count":{},)"
                              R"("prompt_eval_duration":1000000,"eval_count":{},)"
                              R"("eval_duration":1000000)",
                              said.is_cut ? "length" : "stop", said.usage.prompt_tokens,
                              said.usage.completion_tokens)
                : "";
    return fmt::format(R"({{"model":{},"created_at":"2025-01-01T00:00:00Z",)"
                       R"("message":{{"role":"assistant","content":{}}},"done":{}{}}})"
                       "\n",
                       quoted(said.model), quoted(text), is_last, end);
}

std::string body(const Said& said) {
    return line(said, said.text, true);
}

Events opening(const Said& /*said*/) {
    return {};
}

std::string token(const Said& said, std::string_view word) {
    return line(said, word, false);
}

Events closing(const Said& said) {
    return {line(said, "", true)};
}

std::string error_body(uint16_t /*status*/, std::string_view message) {
    return fmt::format("{{\"error\":{}}}\n", quoted(message));
}

std::string error_event() {
    return error_body(0, kStopped);
}

std::string broken_event() {
    return "{\"model\":\"broken\",\"mess\n";
}

}  // namespace

constinit const WireForm kOllamaForm = {.stream_type = "application/x-ndjson",
                                        .has_comments = false,
                                        .streams_unless_told = true,
                                        .read = read,
                                        .body = body,
                                        .opening = opening,
                                        .token = token,
                                        .closing = closing,
                                        .error_body = error_body,
                                        .error_event = error_event,
                                        .broken_event = broken_event};

}  // namespace sluice::llm_kit
