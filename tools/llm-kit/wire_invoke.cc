// Anthropic Messages by Bedrock's InvokeModel: the events of the one, each in base64 in a frame of
// the other.
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/result.h"
#include "crypto/base64.h"
#include "json/document.h"
#include "llm-kit/aws_frame.h"
#include "llm-kit/wire_form.h"

namespace sluice::llm_kit {

namespace {

std::string chunk(std::string_view event) {
    return aws_frame("event", "chunk",
                     fmt::format(R"({{"bytes":"{}","p":"abcdefgh"}})", crypto::base64(event)));
}

// The data of an event that was framed for server-sent events.
std::string unframed(std::string_view event) {
    constexpr std::string_view kData = "\ndata: ";
    event.remove_prefix(event.find(kData) + kData.size());
    return chunk(event.substr(0, event.size() - 2));
}

// Nobody is pinged there.
Events unframed(const Events& events) {
    Events chunks;
    for (const std::string& event : events) {
        if (!event.starts_with("event: ping")) {
            chunks.push_back(unframed(event));
        }
    }
    return chunks;
}

Events opening(const Said& said) {
    return unframed(kMessagesForm.opening(said));
}

std::string token(const Said& said, std::string_view word) {
    return unframed(kMessagesForm.token(said, word));
}

Events closing(const Said& said) {
    return unframed(kMessagesForm.closing(said));
}

std::string body(const Said& said) {
    return kMessagesForm.body(said);
}

Status read(const json::Document& document, providers::SimulatedRequest& request, Arena& arena) {
    return kMessagesForm.read(document, request, arena);
}

std::string broken_event() {
    return chunk(R"({"type":"content_block_delta","ind)");
}

}  // namespace

constinit const WireForm kInvokeForm = {.stream_type = "application/vnd.amazon.eventstream",
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
