// Ollama's own chat: a line of JSON for each token, and a stream unless it is told otherwise.
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

// Nothing can force a call here. Who is asked with tools, and is not being told a result, makes
// one.
void read_tools(const json::Document& document,
                providers::SimulatedRequest& request,
                Arena& arena) {
    const size_t messages = document.size("/messages").value_or(0);
    const std::string last = fmt::format("/messages/{}/role", messages == 0 ? 0 : messages - 1);
    const auto role = document.string(last.c_str());
    const auto name = document.string("/tools/0/function/name");
    if (name && role && *role == "user") {
        request.tool_force = providers::ToolForce::required;
        request.tool_name = arena.copy(*name);
    }
}

Status read(const json::Document& document, providers::SimulatedRequest& request, Arena& arena) {
    // Less than 1 is no limit here.
    const int64_t limit = document.integer("/options/num_predict").value_or(0);
    if (limit > 0 && limit <= UINT32_MAX) {
        request.tokens_max = static_cast<uint32_t>(limit);
    }
    if (!document.has("/messages")) {
        return providers::bad_simulated_field("messages is required");
    }
    providers::add_simulated_prompt(document, "/messages", request.prompt);
    read_tools(document, request, arena);
    return {};
}

std::string calls(const Said& said) {
    return fmt::format(R"(,"tool_calls":[{{"function":{{"name":{},"arguments":{}}}}}])",
                       quoted(said.tool_name), said.text);
}

// `more` is JSON, of the message's other members.
std::string line(const Said& said,
                 std::string_view text,
                 bool is_last,
                 std::string_view more = {}) {
    const std::string end =
        is_last ? fmt::format(R"(,"done_reason":"{}","total_duration":3000000,)"
                              R"("load_duration":1000000,"prompt_eval_count":{},)"
                              R"("prompt_eval_duration":1000000,"eval_count":{},)"
                              R"("eval_duration":1000000)",
                              said.is_cut ? "length" : "stop", said.usage.prompt_tokens,
                              said.usage.completion_tokens)
                : "";
    return fmt::format(R"({{"model":{},"created_at":"2025-01-01T00:00:00Z",)"
                       R"("message":{{"role":"assistant","content":{}{}}},"done":{}{}}})"
                       "\n",
                       quoted(said.model), quoted(text), more, is_last, end);
}

std::string body(const Said& said) {
    return said.tool_name.empty() ? line(said, said.text, true) : line(said, "", true, calls(said));
}

Events opening(const Said& /*said*/) {
    return {};
}

std::string token(const Said& said, std::string_view word) {
    return line(said, word, false);
}

std::string call(const Said& said) {
    return line(said, "", false, calls(said));
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
                                        .call = call,
                                        .closing = closing,
                                        .error_body = error_body,
                                        .error_event = error_event,
                                        .broken_event = broken_event};

}  // namespace sluice::llm_kit
