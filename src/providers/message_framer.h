// MessageFramer: cuts the body of a streamed reply into its messages, whatever the wire form:
// server-sent events, lines of JSON, or AWS event-stream frames.
//
// Messages that lie in one piece are passed on where they are; others are gathered first. One of
// them per translated reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "http/sse_framer.h"
#include "providers/aws_event_stream.h"
#include "providers/dialect.h"

namespace sluice::providers {

struct WireMessage {
    std::string_view name;  // Of an event; empty for lines.
    std::string_view data;
};

class MessageFramer {
public:
    // A message larger than this is refused: the largest hold a whole image.
    static constexpr uint32_t kMessageBytesMax = 16 * 1024 * 1024;

    explicit MessageFramer(Framing framing) : framing_(framing), sse_(kMessageBytesMax) {}

    // Takes from the front of `piece` up to the end of the next message, or all of it. True when
    // `message` was filled; its views hold until the next call. Fails with malformed or
    // body_too_large.
    Result<bool> next(std::string_view& piece, WireMessage& message);
    // The body is over: the last message, if only its end mark is missing. Fails when it was cut
    // inside a frame.
    Result<bool> finish(WireMessage& message);

private:
    Result<bool> next_event(std::string_view& piece, WireMessage& message);
    Result<bool> next_line(std::string_view& piece, WireMessage& message);
    Result<bool> next_chunk(std::string_view& piece, WireMessage& message);

    Framing framing_;
    http::SseParser sse_;
    AwsEventStream frames_;
    Arena event_;       // Out of a frame.
    std::string line_;  // The front of a line whose end has not come.
    bool line_is_spent_ = false;
};

}  // namespace sluice::providers
