// ReplyRecorder: what a client gets becomes an answer for others: kept, or read while it comes.
//
// Sees the bytes of the response as the client does, and the usage chunk that was kept from it.
// A stream is recorded event by event, so that every piece can be passed on by itself and the place
// of the usage chunk is known. Part of a step; its sink is the step's lookup or a recording.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cache/live_reply.h"
#include "cache/lookup.h"
#include "cache/reply.h"
#include "http/sse_framer.h"
#include "pipeline/processor.h"
#include "pipeline/reply_note.h"

namespace sluice::pipeline {

class ReplyRecorder {
public:
    // One of the two; it outlives the recorder's use.
    void use(cache::Lookup& lookup) { lookup_ = &lookup; }
    void use(cache::Recording& recording) { recording_ = &recording; }
    bool is_in_use() const { return lookup_ != nullptr || recording_ != nullptr; }
    void stop() { lookup_ = nullptr, recording_ = nullptr; }

    // `promises_usage`: a stream that begins here will have its usage chunk.
    void begin(const ResponseView& view, bool promises_usage, Instant now);
    bool has_begun() const { return has_begun_; }
    void body(std::string_view bytes, Instant now);
    void hidden(std::string_view event, Instant now);

    // Nothing that belongs to an event is missing.
    bool is_at_boundary() const { return event_.empty(); }
    // A whole body that looks like the object that it must be.
    bool ends_like_an_object() const { return last_ == '}'; }
    // What is known at the end. `usage` as the exchange has it.
    ReplyNote note(const Usage& usage, bool needs_chunk) const;

private:
    void append(std::string_view piece, Instant now);
    void take_event(std::string_view event, Instant now);

    cache::Lookup* lookup_ = nullptr;
    cache::Recording* recording_ = nullptr;
    http::SseFramer framer_;
    // No chunk of usage is longer than this; a longer event is recorded as it comes.
    static constexpr size_t kHeldEventBytesMax = size_t{64} * 1024;

    bool is_long_event_ = false;
    std::string event_;  // The front of one.
    uint64_t bytes_ = 0;
    uint64_t chunk_begin_ = 0;
    uint64_t chunk_end_ = 0;
    char last_ = 0;  // That is no white space.
    cache::ReplyForm form_ = cache::ReplyForm::whole;
    bool has_begun_ = false;
};

}  // namespace sluice::pipeline
