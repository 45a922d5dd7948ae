// ReplyPlayer: sends a recorded answer to a client: one that is finished, at once or at its own
// pace, or one that is still coming. What the client gets is in the form that it asked for.
//
// Used by steps that answer in the upstream's place. In the frame of their answer().
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/lookup.h"
#include "cache/reply.h"
#include "coro/task.h"
#include "pipeline/processor.h"
#include "pipeline/reply_note.h"

namespace sluice::pipeline {

// What a client wants of an answer.
struct ReplyWish {
    bool stream = false;
    bool needs_chunk = false;  // Its dialect tells a stream's usage in a chunk of its own.
    bool wants_chunk = false;  // And it asked for that.
};

class ReplyPlayer {
public:
    ReplyPlayer(ProcessorContext& context, const ReplyWish& wish)
        : context_(context), wish_(wish) {}

    // Whether `reply` can be told as it is wished; prepares what must be converted for it.
    bool can_play(const cache::ReplyRef& reply);

    coro::Task<Status> play(const cache::ReplyRef& reply, cache::ReplayPace pace);
    // A lookup that has joined and whose answer's head is there.
    coro::Task<Status> follow(cache::Lookup& lookup);

private:
    Status respond(uint16_t status, std::string_view content_type, Slice body);
    Status begin_stream(std::string_view content_type);
    void end_stream();
    void write(SliceQueue& events);
    void write_without_chunk(SliceQueue& events);
    void drop_chunk(const ReplyNote& note, uint64_t position, SliceQueue& events) const;
    void break_off(const Error& error);
    Instant clock() const;

    ProcessorContext& context_;
    const ReplyWish wish_;
    Slice converted_;
};

}  // namespace sluice::pipeline
