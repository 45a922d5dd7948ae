// Replies under construction: Recording writes one, LiveReaders follow it, and what is complete
// becomes the Reply that is cached. One mechanism for the cache's recorder and for joiners.
//
// Bytes go into a chain of counted chunks. Only the recording's shard writes, always at the end;
// a reader touches only bytes that a message told it of, so the chain needs no lock, and a piece
// is copied once however many clients it goes to. A chunk goes with its last holder: the recording
// holds the first one while the reply may still be kept, a reader the one it is at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/counted.h"
#include "cache/reply.h"

namespace sluice::cache {

class Chunk final : public AtomicallyCounted {
public:
    // With its head a multiple of the memory pool's largest class.
    static constexpr size_t kBytes = 4096 - 24;

    static Ref<Chunk> make();
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    Ref<Chunk> next;  // Set once, before the recording tells of bytes in it.

    // The rest of the chain as far as nobody else holds it, without recursion.
    static void dispose(Chunk* chunk);

private:
    Chunk() = default;
    ~Chunk() = default;
};

// What a recording has come to, as it is told to others. Copies are cheap.
struct LiveProgress {
    ReplyRef head;     // A reply without a body; null before there is one.
    Ref<Chunk> first;  // Null before there are bytes, and when it is too late to begin.
    uint64_t bytes = 0;
};

// Memory of all recordings of one shard.
struct RecordingBudget {
    uint64_t bytes_max = 0;
    uint64_t bytes = 0;
};

class Recording {
public:
    // Both limits are for the reply's bytes and marks; `budget` outlives the recording.
    Recording(RecordingBudget& budget, uint64_t bytes_max);
    ~Recording() { release(); }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

    void begin(const ReplyHead& head, Instant now);
    bool has_begun() const { return static_cast<bool>(head_); }
    // Copies `piece`. Beyond the limits the beginning is let go of: is_whole() turns false.
    void append(std::string_view piece, Instant now);
    // Whether everything from the first byte on is still here, to be kept and to be joined.
    bool is_whole() const { return is_whole_; }
    // From now on nobody needs what has not been read: for a reply that nobody can join or keep.
    void release();

    LiveProgress progress() const { return {head_, first_, bytes_}; }
    uint64_t bytes() const { return bytes_; }
    // The finished reply; null when it is not whole or never began.
    // `note`, where it is not empty, takes the place of the head's: what is known at the end only.
    ReplyRef finish(std::string_view note = {}) const;

private:
    void add_chunk();
    void give_up_beginning();

    RecordingBudget& budget_;
    const uint64_t bytes_max_;
    ReplyRef head_;
    Ref<Chunk> first_;
    Ref<Chunk> last_;
    size_t last_bytes_ = 0;  // Filled in the last chunk.
    uint64_t bytes_ = 0;
    uint64_t charged_bytes_ = 0;
    Instant began_;
    std::vector<PieceMark> marks_;
    bool is_whole_ = true;
};

// One joiner's way through a recording, and then through the reply that it became.
class LiveReader {
public:
    // A joiner further behind than `lag_bytes_max` is cut off with `overloaded`, once the recording
    // no longer holds everything itself.
    explicit LiveReader(uint64_t lag_bytes_max) : lag_bytes_max_(lag_bytes_max) {}

    void update(const LiveProgress& progress);
    // The recording has become a reply: the rest is read from there.
    void complete(ReplyRef reply);
    // It ended at `bytes` and was not kept.
    void end(uint64_t bytes);
    void fail(const Error& error);

    // Null before the recording has begun.
    const ReplyRef& head() const { return head_; }
    uint64_t position_bytes() const { return position_; }
    uint64_t available_bytes() const { return published_ - position_; }
    // Whether what is published can be taken: false for who came too late for the beginning.
    bool can_read() const { return reply_ || chunk_ || available_bytes() == 0; }
    // Moves up to `bytes_max` to the end of `to`, sharing the recording's memory.
    void take(uint64_t bytes_max, SliceQueue& to);
    // Everything was taken and the recording ended well.
    bool is_over() const { return has_ended_ && !error_ && position_ == published_; }
    bool has_ended() const { return has_ended_; }
    const std::optional<Error>& error() const { return error_; }
    // The whole reply, where it was kept.
    const ReplyRef& reply() const { return reply_; }

private:
    uint64_t lag_bytes_max_;
    ReplyRef head_;
    ReplyRef reply_;
    Ref<Chunk> chunk_;  // Where position_ is.
    size_t chunk_offset_ = 0;
    uint64_t position_ = 0;
    uint64_t published_ = 0;
    std::optional<Error> error_;
    bool has_ended_ = false;
};

}  // namespace sluice::cache
