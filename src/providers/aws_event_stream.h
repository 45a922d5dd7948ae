// AWS event-stream framing (vnd.amazon.eventstream): length-prefixed binary messages with two
// checksums, as Bedrock streams its replies.
//
//   total length (4) | headers length (4) | CRC-32 of those (4) | headers | payload | CRC-32 (4)
//
// A message of type "exception" or "error" is handed on under its exception's name; see next().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::providers {

class AwsEventStream {
public:
    // The service's own limits (botocore).
    static constexpr uint32_t kPayloadBytesMax = 24 * 1024 * 1024;
    static constexpr uint32_t kHeadersBytesMax = 128 * 1024;
    // Ours: they must all be compared with each other. The service sends three.
    static constexpr uint32_t kHeadersMax = 64;

    // Takes from the front of `piece` up to the end of the next message, or all of it. True when
    // there is one: `name` is its :event-type; for exceptions "exception:" and :exception-type; for
    // errors "error:" and :error-code, with :error-message as data. Views hold until the next call.
    // Fails with malformed; then the connection is of no more use, for nothing in the bytes tells
    // where the next message begins.
    Result<bool> next(std::string_view& piece, std::string_view& name, std::string_view& data);
    // Fails when the body ended inside a message.
    Status finish() const;

private:
    void gather(std::string_view& piece, size_t wanted_bytes);
    Result<bool> parse(std::string_view message, std::string_view& name, std::string_view& data);

    std::string gathered_;  // The front of a message whose end has not come.
    std::string name_;
    bool is_spent_ = false;
};

}  // namespace sluice::providers
