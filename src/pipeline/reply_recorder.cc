// Events are looked at only where they may hold usage.
#include "pipeline/reply_recorder.h"

#include <string>
#include <string_view>

#include "base/text.h"
#include "base/time.h"
#include "cache/reply.h"
#include "http/sse_framer.h"
#include "pipeline/processor.h"
#include "pipeline/reply_note.h"
#include "pipeline/usage_chunk.h"

namespace sluice::pipeline {

void ReplyRecorder::begin(const ResponseView& view, bool promises_usage, Instant now) {
    constexpr std::string_view kStream = "text/event-stream";
    const bool is_stream =
        equals_ignoring_case(view.content_type.substr(0, kStream.size()), kStream);
    form_ = is_stream ? cache::ReplyForm::stream : cache::ReplyForm::whole;
    has_begun_ = true;
    const std::string note = ReplyNote{.usage = {}, .tells_usage = promises_usage}.text();
    const cache::ReplyHead head = {
        .status = view.status, .form = form_, .content_type = view.content_type, .note = note};
    if (lookup_ != nullptr) {
        lookup_->begin(head);
    } else {
        recording_->begin(head, now);
    }
}

void ReplyRecorder::append(std::string_view piece, Instant now) {
    bytes_ += piece.size();
    if (lookup_ != nullptr) {
        lookup_->append(piece);
    } else {
        recording_->append(piece, now);
    }
}

void ReplyRecorder::body(std::string_view bytes, Instant now) {
    if (lookup_ != nullptr && !lookup_->is_recording()) {
        return;
    }
    if (form_ == cache::ReplyForm::whole) {
        append(bytes, now);
        const size_t last = bytes.find_last_not_of(" \t\r\n");
        last_ = last == bytes.npos ? last_ : bytes[last];
        return;
    }
    while (!bytes.empty()) {
        const http::SseFramer::Step step = framer_.feed(bytes);
        const std::string_view part = bytes.substr(0, step.consumed);
        bytes.remove_prefix(step.consumed);
        if (is_long_event_) {
            append(part, now);
            is_long_event_ = !step.event_end;
        } else if (!step.event_end) {
            event_ += part;
            if (event_.size() > kHeldEventBytesMax) {
                append(event_, now);
                event_.clear();
                is_long_event_ = true;
            }
        } else if (event_.empty()) {
            take_event(part, now);
        } else {
            event_ += part;
            take_event(event_, now);
            event_.clear();
        }
    }
    // Empty lines between events belong to nothing.
    if (!event_.empty() && framer_.at_boundary()) {
        append(event_, now);
        event_.clear();
    }
}

void ReplyRecorder::take_event(std::string_view event, Instant now) {
    if (may_hold_usage(event) && holds_only_usage(event)) {
        chunk_begin_ = bytes_;
        chunk_end_ = bytes_ + event.size();
    }
    append(event, now);
}

void ReplyRecorder::hidden(std::string_view event, Instant now) {
    if (form_ == cache::ReplyForm::stream && event_.empty() && !is_long_event_) {
        take_event(event, now);
    }
}

ReplyNote ReplyRecorder::note(const Usage& usage, bool needs_chunk) const {
    return {.usage = usage,
            .tells_usage = !needs_chunk || chunk_end_ > chunk_begin_,
            .chunk_begin = chunk_begin_,
            .chunk_end = chunk_end_};
}

}  // namespace sluice::pipeline
