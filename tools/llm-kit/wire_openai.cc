// OpenAI's errors, and the table of all forms.
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "llm-kit/model_call.h"
#include "llm-kit/wire_form.h"
#include "providers/simulated_text.h"

namespace sluice::llm_kit {

namespace {

std::string error_body(uint16_t status, std::string_view message) {
    return fmt::format(R"({{"error":{{"message":{},"type":"{}","param":null,"code":{}}}}})"
                       "\n",
                       quoted(message),
                       status == 429   ? "rate_limit_error"
                       : status >= 500 ? "server_error"
                                       : "invalid_request_error",
                       status == 429 ? "\"rate_limit_exceeded\"" : "null");
}

std::string error_event() {
    return fmt::format(
        "data: {{\"error\":{{\"message\":\"{}\",\"type\":\"server_error\","
        "\"param\":null,\"code\":null}}}}\n\n",
        kStopped);
}

std::string broken_event() {
    return "data: {\"id\":\"chatcmpl-broken\",\"choices\":[{\"de\n\n";
}

}  // namespace

constinit const WireForm kOpenAiForm = {.stream_type = "text/event-stream",
                                        .error_body = error_body,
                                        .error_event = error_event,
                                        .broken_event = broken_event};

std::string quoted(std::string_view text) {
    std::string json;
    providers::append_json_string(json, text);
    return json;
}

const WireForm& form_of(Wire wire) {
    switch (wire) {
        case Wire::openai:
            break;
        case Wire::messages:
            return kMessagesForm;
        case Wire::gemini:
            return kGeminiForm;
        case Wire::converse:
            return kConverseForm;
        case Wire::invoke:
            return kInvokeForm;
        case Wire::ollama:
            return kOllamaForm;
    }
    return kOpenAiForm;
}

}  // namespace sluice::llm_kit
