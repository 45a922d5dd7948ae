// TimerWheel: intrusive timers, constant time to arm and to cancel.
//
// Four levels of 64 slots at 1 ms, 64 ms, 4 s and 262 s, so up to 4.6 hours; what lies further is
// put at the end and re-armed when it gets there. A timer never fires early and at most one tick
// late. Timers live in the objects that wait; an object that dies takes its timer with it.
#pragma once

#include <cstdint>
#include <utility>

#include "base/intrusive_list.h"
#include "base/time.h"

namespace sluice::net {

class TimerWheel;

class Timer : public ListNode {
public:
    using Handler = void (*)(Timer& timer);

    Timer(Handler handler, void* owner) : handler_(handler), owner_(owner) {}
    ~Timer() { cancel(); }

    template <class Owner>
    Owner& owner_as() const {
        return *static_cast<Owner*>(owner_);
    }
    bool is_armed() const { return is_linked(); }
    void cancel() { unlink(); }

private:
    friend class TimerWheel;
    Handler handler_;
    void* owner_;
    Instant due_;
};

class TimerWheel {
public:
    explicit TimerWheel(Instant now);

    // Arms, or moves an armed timer.
    void arm(Timer& timer, Instant due);
    // Runs the handlers of all timers that are due; a handler may arm and cancel any timer.
    void advance(Instant now);
    // No later than the earliest timer; Instant::never() when none is armed. It may be earlier than
    // needed (after a cancel, or at a level's edge): then advance() simply has nothing to run.
    Instant next_expiry();

private:
    static constexpr unsigned kLevels = 4;
    static constexpr unsigned kSlotBits = 6;
    static constexpr unsigned kSlots = 1U << kSlotBits;
    static constexpr int64_t kTickNs = 1'000'000;

    void place(Timer& timer, int64_t earliest_tick);
    void run_slot(IntrusiveList<Timer>& slot);
    void cascade();

    IntrusiveList<Timer> slots_[kLevels][kSlots];
    uint64_t occupied_[kLevels] = {};  // A bit per slot; may be set for a slot that was emptied.
    int64_t tick_;                     // Every tick up to this one was run.
};

}  // namespace sluice::net
