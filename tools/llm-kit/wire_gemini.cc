// Google's generateContent: every event is a whole response with a piece of the text.
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

// Of the first declaration, or the first of those that are allowed, when one must be called.
void read_tools(const json::Document& document,
                providers::SimulatedRequest& request,
                Arena& arena) {
    const auto mode = document.string("/toolConfig/functionCallingConfig/mode");
    const bool is_forced = mode && *mode == "ANY";
    for (const char* path : {"/toolConfig/functionCallingConfig/allowedFunctionNames/0",
                             "/tools/0/functionDeclarations/0/name"}) {
        const auto name = document.string(path);
        if (is_forced && name && request.tool_name.empty()) {
            request.tool_force = providers::ToolForce::required;
            request.tool_name = arena.copy(*name);
        }
    }
}

Status read(const json::Document& document, providers::SimulatedRequest& request, Arena& arena) {
    TRY(request.tokens_max,
        providers::read_simulated_count(document, "/generationConfig/maxOutputTokens", UINT32_MAX,
                                        "maxOutputTokens must be positive"));
    if (!document.has("/contents")) {
        return providers::bad_simulated_field("contents is not specified");
    }
    providers::add_simulated_prompt(document, "/systemInstruction/parts", request.prompt);
    providers::add_simulated_prompt(document, "/contents", request.prompt);
    read_tools(document, request, arena);
    return {};
}

std::string text_part(std::string_view text) {
    return fmt::format(R"({{"text":{}}})", quoted(text));
}

std::string call_part(const Said& said) {
    return fmt::format(R"({{"functionCall":{{"name":{},"args":{}}}}})", quoted(said.tool_name),
                       said.text);
}

// `part` is JSON.
std::string response(const Said& said, std::string_view part, bool is_last) {
    const std::string finish =
        is_last ? fmt::format(R"(,"finishReason":"{}")", said.is_cut ? "MAX_TOKENS" : "STOP") : "";
    const std::string made =
        is_last ? fmt::format(R"(,"candidatesTokenCount":{})", said.usage.completion_tokens) : "";
    return fmt::format(
        R"({{"candidates":[{{"content":{{"parts":[{}],"role":"model"}}{},"index":0}}],)"
        R"("usageMetadata":{{"promptTokenCount":{}{},"totalTokenCount":{}}},)"
        R"("modelVersion":{},"responseId":"{}"}})",
        part, finish, said.usage.prompt_tokens, made,
        is_last ? said.usage.total_tokens() : said.usage.prompt_tokens, quoted(said.model),
        said.id);
}

std::string event(std::string_view json) {
    return fmt::format("data: {}\r\n\r\n", json);
}

std::string body(const Said& said) {
    const bool is_call = !said.tool_name.empty();
    return response(said, is_call ? call_part(said) : text_part(said.text), true) + "\n";
}

Events opening(const Said& /*said*/) {
    return {};
}

std::string token(const Said& said, std::string_view word) {
    return event(response(said, text_part(word), false));
}

std::string call(const Said& said) {
    return event(response(said, call_part(said), false));
}

Events closing(const Said& said) {
    return {event(response(said, text_part(""), true))};
}

std::string_view error_name(uint16_t status) {
    switch (status) {
        case 401:
            return "UNAUTHENTICATED";
        case 403:
            return "PERMISSION_DENIED";
        case 404:
            return "NOT_FOUND";
        case 429:
            return "RESOURCE_EXHAUSTED";
        case 503:
            return "UNAVAILABLE";
        case 504:
            return "DEADLINE_EXCEEDED";
        default:
            return status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
    }
}

std::string error_body(uint16_t status, std::string_view message) {
    return fmt::format(R"({{"error":{{"code":{},"message":{},"status":"{}"}}}})", status,
                       quoted(message), error_name(status));
}

std::string error_event() {
    return event(error_body(500, kStopped));
}

std::string broken_event() {
    return "data: {\"candidates\":[{\"cont\r\n\r\n";
}

}  // namespace

constinit const WireForm kGeminiForm = {.stream_type = "text/event-stream",
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
