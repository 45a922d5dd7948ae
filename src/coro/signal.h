// Signal: what a coroutine waits on. Many sources may raise it; one coroutine waits.
//
// Raising does not resume: it puts the waiter on the shard's ReadyQueue, which runs after all
// completions of a turn were collected. So whatever arrived in one turn is handled in one go (one
// send per stream and turn), nothing recurses, and it does not matter in which order things came.
//
// A wait carries no reason. The waiter looks at the state of its sources when it wakes, as with a
// condition variable: timers, client, upstream and shutdown all raise the same Signal of an
// exchange, which is how "the client left" reaches it in every phase.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/intrusive_list.h"
#include "base/prefetch.h"

namespace sluice::coro {

class ReadyQueue;

class Signal : public ListNode {
public:
    explicit Signal(ReadyQueue& queue) : queue_(queue) {}
    // A waiting coroutine must be woken before its signal goes.
    ~Signal() { SLUICE_ASSERT(!waiter_); }

    // Wakes the waiter once, this turn or the next; kept for the next wait when nobody waits.
    void raise();

    bool await_ready() {
        const bool raised = raised_;
        raised_ = false;
        return raised;
    }
    void await_suspend(std::coroutine_handle<> waiter) {
        SLUICE_ASSERT(!waiter_);
        waiter_ = waiter;
    }

    // `co_await signal.wait()`. An object of its own, because g++ 12 copies an awaiter that is an
    // lvalue.
    struct Wait {
        Signal& signal;
        bool await_ready() { return signal.await_ready(); }
        void await_suspend(std::coroutine_handle<> waiter) { signal.await_suspend(waiter); }
        void await_resume() noexcept {}
    };
    Wait wait() { return {*this}; }

    // `co_await signal.pass_turn()`: goes on in the next run of the queue, after everything else
    // that is ready, and completions, had theirs. For long work, between its parts.
    struct PassTurn {
        Signal& signal;
        bool await_ready() { return false; }
        void await_suspend(std::coroutine_handle<> waiter) {
            signal.await_suspend(waiter);
            signal.raise();
        }
        void await_resume() noexcept {}
    };
    PassTurn pass_turn() { return {*this}; }

    // What the waiter will look at when it runs, to be fetched when the signal is raised. Holds
    // until expect_nothing(); null entries are skipped.
    static constexpr size_t kExpectedMax = 5;
    using Expected = std::array<const void*, kExpectedMax>;
    void expect(const Expected& expected) { expected_ = expected; }
    void expect_nothing() { expected_ = {}; }

    ReadyQueue& queue() { return queue_; }

private:
    friend class ReadyQueue;

    void fetch_expected() const;

    ReadyQueue& queue_;
    std::coroutine_handle<> waiter_;
    Expected expected_ = {};
    bool raised_ = false;
};

class ReadyQueue {
public:
    bool empty() const { return signals_.empty(); }

    // Resumes the waiters that were queued when the call began, in order; returns how many.
    // Those queued meanwhile run in the next call, so that completions get their turn.
    uint32_t run();

private:
    friend class Signal;
    IntrusiveList<Signal> signals_;
};

inline void Signal::fetch_expected() const {
    // The hot part of a frame or of an object.
    constexpr size_t kPartBytes = 5 * kCacheLineBytes;
    if (expected_.front() == nullptr) {
        return;
    }
    prefetch(waiter_.address(), kPartBytes);
    for (const void* const part : expected_) {
        if (part != nullptr) {
            prefetch(part, kPartBytes);
        }
    }
}

inline void Signal::raise() {
    if (waiter_) {
        if (!is_linked()) {
            queue_.signals_.push_back(*this);
            fetch_expected();
        }
        return;
    }
    raised_ = true;
}

}  // namespace sluice::coro
