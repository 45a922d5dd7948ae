// AWS event-stream framing (vnd.amazon.eventstream): length-prefixed binary messages with two
// checksums, as Bedrock streams its replies.
//
//   total length (4) | headers length (4) | CRC-32 of those (4) | headers | payload | CRC-32 (4)
//
// A message of type "exception" or "error" is handed on under its exception's name; see name().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::providers {

class AwsEventStream {
public:
    // The service's own limits (botocore): 16 MiB for a payload, 128 KiB for headers.
    static constexpr uint32_t kMessageBytesMax = 24 * 1024 * 1024;

    // Takes from the front of `piece` up to the end of the next message, or all of it. True when
    // there is one: `name` is its :event-type; for exceptions "exception:" and :exception-type; for
    // errors "error:" and :error-code, with :error-message as data. Views hold until the next call.
    // Fails with malformed.
    Result<bool> next(std::string_view& piece, std::string_view& name, std::string_view& data);
    // Fails when the body ended inside a message.
    Status finish() const;

private:
    Result<bool> parse(std::string_view message, std::string_view& name, std::string_view& data);

    std::string gathered_;  // The front of a message whose end has not come.
    std::string name_;
    bool is_spent_ = false;
};

}  // namespace sluice::providers
