// Deadline: a timer that raises a signal, and a flag that says so.
//
// The one way to limit a wait: set it, await the signal, look at has_passed(). One shard; lives in
// the frame or object that waits.
#pragma once

#include "base/time.h"
#include "coro/signal.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::net {

class Deadline {
public:
    Deadline(Proactor& proactor, coro::Signal& signal)
        : proactor_(proactor), signal_(signal), timer_(&on_timer, this) {}

    // Replaces an earlier one. A duration of zero means none.
    void set(Duration after) {
        passed_ = false;
        if (after.ns() == 0) {
            timer_.cancel();
        } else {
            proactor_.timers().arm(timer_, proactor_.now() + after);
        }
    }
    void clear() {
        passed_ = false;
        timer_.cancel();
    }
    bool has_passed() const { return passed_; }

private:
    static void on_timer(Timer& timer) {
        auto& deadline = timer.owner_as<Deadline>();
        deadline.passed_ = true;
        deadline.signal_.raise();
    }

    Proactor& proactor_;
    coro::Signal& signal_;
    Timer timer_;
    bool passed_ = false;
};

}  // namespace sluice::net
