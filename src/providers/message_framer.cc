// Server-sent events are http's, frames are aws_event_stream's; lines are cut here.
#include "providers/message_framer.h"

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "http/sse_framer.h"
#include "providers/bedrock_chunk.h"
#include "providers/dialect.h"

namespace sluice::providers {

namespace {

bool is_blank(std::string_view line) {
    return line.find_first_not_of(" \t\r") == line.npos;
}

}  // namespace

Result<bool> MessageFramer::next(std::string_view& piece, WireMessage& message) {
    switch (framing_) {
        case Framing::sse:
            return next_event(piece, message);
        case Framing::ndjson:
            return next_line(piece, message);
        case Framing::aws_event_stream:
            return frames_.next(piece, message.name, message.data);
        case Framing::aws_chunks:
            return next_chunk(piece, message);
    }
    return false;
}

Result<bool> MessageFramer::next_event(std::string_view& piece, WireMessage& message) {
    http::SseEvent event;
    TRY(const http::SseParser::Step step, sse_.feed(piece, event));
    piece.remove_prefix(step.consumed);
    message = {event.name, event.data};
    return step.has_event;
}

Result<bool> MessageFramer::next_line(std::string_view& piece, WireMessage& message) {
    if (line_is_spent_) {
        line_.clear();
        line_is_spent_ = false;
    }
    while (!piece.empty()) {
        const size_t end = piece.find('\n');
        const bool is_whole = end != piece.npos;
        std::string_view line = piece.substr(0, end);
        piece.remove_prefix(is_whole ? end + 1 : piece.size());
        if (line_.size() + line.size() > kMessageBytesMax) {
            return fail({.kind = ErrorKind::body_too_large,
                         .source = ErrorSource::upstream,
                         .where = "a line of the reply is too long"});
        }
        if (!is_whole || !line_.empty()) {
            line_ += line;
            line = line_;
        }
        if (!is_whole) {
            return false;
        }
        if (!is_blank(line)) {
            line_is_spent_ = true;
            message = {{}, line};
            return true;
        }
        line_.clear();
    }
    return false;
}

// Exceptions are frames like any other; what is neither is none of the model's.
Result<bool> MessageFramer::next_chunk(std::string_view& piece, WireMessage& message) {
    TRY(const bool found, frames_.next(piece, message.name, message.data));
    if (found && message.name == "chunk") {
        event_.clear();
        TRY(message.data, read_bedrock_chunk(message.data, event_));
        message.name = {};  // Its data says it.
    }
    return found;
}

Result<bool> MessageFramer::finish(WireMessage& message) {
    if (is_aws(framing_)) {
        TRY_VOID(frames_.finish());
        return false;
    }
    if (framing_ == Framing::sse) {
        http::SseEvent event;
        const bool has_event = sse_.finish(event);
        message = {event.name, event.data};
        return has_event;
    }
    if (line_is_spent_ || is_blank(line_)) {
        return false;
    }
    line_is_spent_ = true;
    message = {{}, line_};
    return true;
}

}  // namespace sluice::providers
