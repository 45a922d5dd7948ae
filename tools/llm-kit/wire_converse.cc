// Bedrock Converse: JSON inside the binary frames of AWS event streams.
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/result.h"
#include "crypto/crc32.h"
#include "json/document.h"
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

// --- Frames: lengths, their checksum, headers, payload, checksum of all; big endian.

void append_number(std::string& frame, uint32_t number, uint32_t bytes) {
    for (uint32_t i = bytes; i-- > 0;) {
        frame += static_cast<char>(number >> (8 * i));
    }
}

void append_header(std::string& headers, std::string_view name, std::string_view value) {
    constexpr uint32_t kText = 7;
    append_number(headers, static_cast<uint32_t>(name.size()), 1);
    headers += name;
    append_number(headers, kText, 1);
    append_number(headers, static_cast<uint32_t>(value.size()), 2);
    headers += value;
}

std::string frame(std::string_view kind, std::string_view name, std::string_view payload) {
    std::string headers;
    append_header(headers, kind == "exception" ? ":exception-type" : ":event-type", name);
    append_header(headers, ":content-type", "application/json");
    append_header(headers, ":message-type", kind);
    constexpr size_t kAround = 16;
    std::string bytes;
    append_number(bytes, static_cast<uint32_t>(headers.size() + payload.size() + kAround), 4);
    append_number(bytes, static_cast<uint32_t>(headers.size()), 4);
    append_number(bytes, crypto::crc32(bytes), 4);
    bytes += headers;
    bytes += payload;
    append_number(bytes, crypto::crc32(bytes), 4);
    return bytes;
}

std::string event(std::string_view name, std::string_view payload) {
    return frame("event", name, payload);
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

std::string_view error_type(uint16_t status) {
    switch (status) {
        case 401:
        case 403:
            return "AccessDeniedException";
        case 404:
            return "ResourceNotFoundException";
        case 408:
            return "ModelTimeoutException";
        case 424:
            return "ModelErrorException";
        case 429:
            return "ThrottlingException";
        case 503:
            return "ServiceUnavailableException";
        default:
            return status < 500 ? "ValidationException" : "InternalServerException";
    }
}

std::string error_body(uint16_t /*status*/, std::string_view message) {
    return fmt::format(R"({{"message":{}}})", quoted(message));
}

std::string error_event() {
    return frame("exception", "modelStreamErrorException", error_body(0, kStopped));
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
                                          .error_body = error_body,
                                          .error_type = error_type,
                                          .error_event = error_event,
                                          .broken_event = broken_event};

}  // namespace sluice::llm_kit
