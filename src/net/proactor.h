// Proactor: the loop of one shard. Completions are collected first and run afterwards.
//
// One turn: collect a bounded batch of completions and let each change the state of its object;
// fire timers; resume the coroutines that were signalled; send what was written, one send per
// stream; hand blocks back to the kernel; submit and wait, all in one system call. Nothing in a
// turn blocks and nothing in it recurses into the loop.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/intrusive_list.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/signal.h"
#include "net/buffer_ring.h"
#include "net/ring.h"
#include "net/timer_wheel.h"

namespace sluice::net {

struct ProactorOptions {
    RingOptions ring;
    BufferRingOptions buffers;
    // While at least `batch_streams_min` streams are open, a turn waits this long for more events
    // before it runs: fewer wake-ups per event, for a timer armed in every turn. 0: never.
    uint32_t batch_window_us = 0;
    uint32_t batch_streams_min = 256;
};

struct ProactorCounters {
    uint64_t turns = 0;
    uint64_t resumed = 0;
    uint64_t longest_turn_ns = 0;  // Without the wait; the stall detector's figure.
    // Received or to be sent, and moved in user space although sharing the block is the rule.
    uint64_t copied_bytes = 0;
};

class Proactor {
public:
    // Something that has bytes to send at the end of the turn.
    class Flushable : public ListNode {
    public:
        virtual void flush() = 0;

    protected:
        ~Flushable() = default;
    };

    // Something that ends in its own time once its owner has let go, and can be told to hurry.
    class Lingering : public ListNode {
    public:
        virtual void cut() = 0;

    protected:
        ~Lingering() = default;
    };

    static Result<std::unique_ptr<Proactor>> create(const ProactorOptions& options);
    ~Proactor();
    Proactor(const Proactor&) = delete;
    Proactor& operator=(const Proactor&) = delete;

    // Runs turns until stop(). What is still in flight then is the owner's to wind down first.
    void run();
    void stop() { stopped_ = true; }
    // One turn, waiting no longer than `wait_max`. Tests and the simulator call it directly.
    void turn(Duration wait_max);

    // Time at the start of this turn: one clock reading serves everybody in it.
    Instant now() const { return now_; }
    Ring& ring() { return *ring_; }
    BufferRing& buffers() { return *buffers_; }
    // For a quiet shard, from a timer. False, and nothing done, in a turn that had completions:
    // what follows them may have made the kernel write into a block that nobody has taken yet.
    bool trim_buffers();
    TimerWheel& timers() { return timers_; }
    coro::ReadyQueue& ready() { return ready_; }
    void flush_at_end_of_turn(Flushable& item) {
        if (!item.is_linked()) {
            flushes_.push_back(item);
        }
    }
    // Objects with operations of their own that free themselves; a shard ends when none is left.
    void object_made() { ++objects_; }
    void object_gone() { --objects_; }
    uint32_t objects() const { return objects_; }
    void lingers(Lingering& item) { lingering_.push_back(item); }
    // Cuts what still lingers, at the end of a shard's life.
    void cut_lingering();
    // Open streams, which decide whether turns are batched.
    void stream_opened() { ++open_streams_; }
    void stream_closed() { --open_streams_; }
    void bytes_copied(uint32_t count) { counters_.copied_bytes += count; }
    const ProactorCounters& counters() const { return counters_; }

private:
    static constexpr size_t kCompletionsPerTurnMax = 256;
    static constexpr unsigned kReadyRoundsMax = 8;
    static constexpr unsigned kFlushRounds = 2;  // TLS, then TCP.

    Proactor(const ProactorOptions& options,
             std::unique_ptr<Ring> ring,
             std::unique_ptr<BufferRing> buffers);
    size_t run_completions();
    static void fetch_operation(std::span<const Completion> batch, size_t at);
    void fetch_owner(std::span<const Completion> batch, size_t at) const;
    void run_ready_and_flush();
    WaitOptions wait_options(Duration wait_max);

    const ProactorOptions options_;
    std::unique_ptr<Ring> ring_;
    std::unique_ptr<BufferRing> buffers_;
    Instant now_;
    TimerWheel timers_;
    coro::ReadyQueue ready_;
    IntrusiveList<Flushable> flushes_;
    IntrusiveList<Lingering> lingering_;
    uint32_t open_streams_ = 0;
    uint32_t objects_ = 0;
    bool more_completions_ = false;  // The last batch was full.
    bool had_completions_ = false;   // This turn.
    bool stopped_ = false;
    ProactorCounters counters_;
    // Of one turn. Not in its frame, where 4 KiB would be cleared in every turn.
    std::array<Completion, kCompletionsPerTurnMax> batch_;
};

}  // namespace sluice::net
