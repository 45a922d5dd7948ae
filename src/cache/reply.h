// Reply: one finished answer, as it was sent to the client who caused it, in one piece of memory.
//
// Never changed once made; shards share it by a Ref, and send it by slices over it, so that a hit
// copies nothing. It keeps where each piece of a stream ended and when it came, for clients who are
// to see it at its own pace. Turning one form into the other is for whoever asks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/counted.h"

namespace sluice::cache {

enum class ReplyForm : uint8_t { whole, stream };

struct ReplyHead {
    uint16_t status = 200;
    ReplyForm form = ReplyForm::whole;
    std::string_view content_type;
    // The recorder's own words for whoever replays it: dialect, tokens, headers.
    std::string_view note;
};

struct PieceMark {
    uint32_t end_bytes;  // Where the piece ends in the body.
    uint32_t at_ms;      // When it came, from the beginning of the reply.
};

class Reply final : public AtomicallyCounted {
public:
    // Copies everything. The body's parts are one after the other and below 4 GiB in all.
    static Ref<const Reply> make(const ReplyHead& head,
                                 std::span<const std::string_view> body,
                                 std::span<const PieceMark> marks);

    ReplyHead head() const;
    std::string_view body() const;
    std::span<const PieceMark> marks() const {
        return {reinterpret_cast<const PieceMark*>(this + 1), marks_};
    }
    size_t memory_bytes() const { return memory_bytes_; }

    static void dispose(const Reply* reply);

private:
    Reply() = default;
    ~Reply() = default;
    const char* texts() const { return reinterpret_cast<const char*>(marks().data() + marks_); }

    size_t memory_bytes_ = 0;
    uint32_t marks_ = 0;
    uint32_t content_type_bytes_ = 0;
    uint32_t note_bytes_ = 0;
    uint32_t body_bytes_ = 0;
    uint16_t status_ = 0;
    ReplyForm form_ = ReplyForm::whole;
};

using ReplyRef = Ref<const Reply>;

// `length` bytes of the body from `offset` on.
Slice slice_of(const ReplyRef& reply, size_t offset, size_t length);

enum class ReplayPace : uint8_t { at_once, original };

// Plays one reply to one client. Lives in the frame that sends it.
class Replay {
public:
    Replay(ReplyRef reply, ReplayPace pace, Instant began)
        : reply_(std::move(reply)), pace_(pace), began_(began) {}

    // Moves what is due into `to`, at most `bytes_max`, whole pieces where it is paced.
    void take_due(Instant now, size_t bytes_max, SliceQueue& to);
    bool is_over() const { return taken_bytes_ == reply_->body().size(); }
    // When there is more to take; never() when it is over.
    Instant next_due() const;

private:
    ReplyRef reply_;
    ReplayPace pace_;
    Instant began_;
    size_t taken_bytes_ = 0;
    size_t mark_ = 0;
};

}  // namespace sluice::cache
