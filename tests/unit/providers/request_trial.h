// Short ways to try one thing of an upstream dialect, with the chat dialect at the other end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "providers/vendor.h"

namespace sluice::providers::test {

struct RequestTrial {
    std::string body;
    std::string refusal;  // "PARAM CODE"; empty when it was not refused.
    std::string dropped;  // In the order of their mention, with blanks between.

    // From the body that is expected; empty when there is none.
    std::string difference(std::string_view expected) const;
    // The JSON of a member of the body, empty when it is absent.
    std::string member(std::string_view key) const;
};

// `continues_answer`: its last message is the beginning of the answer.
RequestTrial encode_chat_for(const Vendor& vendor,
                             std::string_view model,
                             std::string_view chat,
                             bool continues_answer = false);

struct FailureTrial {
    uint16_t status = 0;
    std::string code;
    std::string message;
};

// How a streamed reply of these bytes fails.
FailureTrial stream_failure(const Vendor& vendor, std::string_view bytes);
// What a chat client is sent for a streamed reply of these bytes, put together again.
std::string stream_aggregate(const Vendor& vendor, std::string_view bytes);
// The body that a chat client gets for a whole reply.
std::string whole_reply(const Vendor& vendor, std::string_view body);
// A member of the choice, or of its message, that a chat client gets for a whole reply.
std::string whole_reply(const Vendor& vendor, std::string_view body, std::string_view key);

}  // namespace sluice::providers::test
