// The wheel against a sorted list of the same timers, over hours of virtual time.
#include "net/timer_wheel.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "gtest/gtest.h"

namespace sluice::net {

namespace {

constexpr Duration kTick = Duration::milliseconds(1);
constexpr Instant kStart = Instant::from_ns(1'000'000'123'456);

struct Recorder {
    Recorder() : timer(&on_timer, this) {}
    static void on_timer(Timer& timer) {
        auto& recorder = timer.owner_as<Recorder>();
        ++recorder.fired;
        if (recorder.then) {
            recorder.then();
        }
    }
    Timer timer;
    int fired = 0;
    std::function<void()> then;
};

TEST(TimerWheel, FiresOnceAndNeverEarly) {
    TimerWheel wheel(kStart);
    Recorder recorder;
    const Instant due = kStart + Duration::milliseconds(5);
    wheel.arm(recorder.timer, due);
    EXPECT_TRUE(recorder.timer.is_armed());
    wheel.advance(due - Duration::nanoseconds(1));
    EXPECT_EQ(recorder.fired, 0);
    wheel.advance(due + kTick);
    EXPECT_EQ(recorder.fired, 1);
    EXPECT_FALSE(recorder.timer.is_armed());
    wheel.advance(due + Duration::seconds(10'000));
    EXPECT_EQ(recorder.fired, 1);
}

TEST(TimerWheel, WhatIsDueAlreadyFiresAtTheNextTick) {
    TimerWheel wheel(kStart);
    Recorder now;
    Recorder past;
    wheel.arm(now.timer, kStart);
    wheel.arm(past.timer, Instant::from_ns(1));
    wheel.advance(kStart + kTick * 2);
    EXPECT_EQ(now.fired, 1);
    EXPECT_EQ(past.fired, 1);
}

TEST(TimerWheel, ArmingAgainMovesTheTimer) {
    TimerWheel wheel(kStart);
    Recorder recorder;
    wheel.arm(recorder.timer, kStart + Duration::milliseconds(5));
    wheel.arm(recorder.timer, kStart + Duration::milliseconds(500));
    wheel.advance(kStart + Duration::milliseconds(499));
    EXPECT_EQ(recorder.fired, 0);
    wheel.advance(kStart + Duration::milliseconds(502));
    EXPECT_EQ(recorder.fired, 1);
}

TEST(TimerWheel, ACancelledOrDestroyedTimerDoesNotFire) {
    TimerWheel wheel(kStart);
    Recorder cancelled;
    wheel.arm(cancelled.timer, kStart + kTick);
    cancelled.timer.cancel();
    {
        Recorder dead;
        wheel.arm(dead.timer, kStart + kTick);
    }
    wheel.advance(kStart + kTick * 10);
    EXPECT_EQ(cancelled.fired, 0);
    EXPECT_EQ(wheel.next_expiry(), Instant::never());
}

TEST(TimerWheel, AHandlerMayArmAndCancelAnyTimer) {
    TimerWheel wheel(kStart);
    Recorder first;
    Recorder second;
    Recorder third;
    const Instant due = kStart + Duration::milliseconds(3);
    first.then = [&] {
        second.timer.cancel();
        wheel.arm(third.timer, kStart);  // The past: the next tick.
        if (first.fired == 1) {
            wheel.arm(first.timer, kStart + Duration::seconds(1));  // Itself.
        }
    };
    wheel.arm(first.timer, due);
    wheel.arm(second.timer, due);
    wheel.advance(due + kTick);
    EXPECT_EQ(first.fired, 1);
    EXPECT_EQ(second.fired, 0);
    EXPECT_EQ(third.fired, 0);
    wheel.advance(due + kTick * 2);
    EXPECT_EQ(third.fired, 1);
    wheel.advance(kStart + Duration::seconds(2));
    EXPECT_EQ(first.fired, 2);
}

TEST(TimerWheel, ALongGapRunsInOrder) {
    TimerWheel wheel(kStart);
    std::vector<int> order;
    std::deque<Recorder> recorders(6);
    constexpr int64_t kDueMs[] = {1, 63, 64, 5'000, 300'000, 20'000'000};
    for (size_t i = 0; i < recorders.size(); ++i) {
        recorders[i].then = [&order, i] { order.push_back(static_cast<int>(i)); };
        wheel.arm(recorders[i].timer, kStart + Duration::milliseconds(kDueMs[i]));
    }
    wheel.advance(kStart + Duration::seconds(30'000));
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4, 5}));
}

TEST(TimerWheel, NextExpiryNeverSleepsPastATimer) {
    // Around every level's edge, from many positions of the wheel.
    for (const int64_t offset_ms : {0, 1, 63, 64, 65, 4095, 4096, 262'143, 262'144}) {
        for (const int64_t due_ms :
             {1, 2, 62, 63, 64, 65, 127, 128, 4095, 4096, 4097, 262'143, 262'144, 300'000,
              16'777'215, 16'777'216, 16'777'217, 40'000'000}) {
            TimerWheel wheel(kStart);
            const Instant from = kStart + Duration::milliseconds(offset_ms);
            Recorder keeps_it_moving;
            wheel.arm(keeps_it_moving.timer, from);
            wheel.advance(from + kTick);
            Recorder recorder;
            const Instant due = from + kTick + Duration::milliseconds(due_ms);
            wheel.arm(recorder.timer, due);
            int steps = 0;
            Instant now = from + kTick;
            while (recorder.fired == 0 && ++steps < 400) {
                const Instant next = wheel.next_expiry();
                ASSERT_LE(next, due + kTick) << offset_ms << " " << due_ms;
                now = std::max(now + Duration::nanoseconds(1), next);
                wheel.advance(now);
            }
            ASSERT_EQ(recorder.fired, 1) << offset_ms << " " << due_ms;
            ASSERT_GE(now, due);
            ASSERT_LE(now - due, kTick);
        }
    }
}

// A wheel with many timers beside a model that knows when each is due.
class WheelModel {
public:
    explicit WheelModel(uint64_t seed) : prng_(seed), timers_(kTimers) {
        for (size_t i = 0; i < kTimers; ++i) {
            timers_[i].recorder.then = [this, i] { fired(i); };
        }
    }

    void step() {
        for (uint32_t i = prng_.below(6); i > 0; --i) {
            change(prng_.below(kTimers));
        }
        const std::optional<Instant> earliest = earliest_due();
        const Instant next = wheel_.next_expiry();
        if (earliest) {
            ASSERT_LE(next, std::max(*earliest, now_) + kTick);
        }
        now_ = prng_.chance(0.5) && next != Instant::never() ? std::max(now_, next)
                                                             : now_ + drawn_gap();
        wheel_.advance(now_);
        for (const Entry& entry : timers_) {
            if (entry.due) {  // Whatever was due a tick ago has fired.
                ASSERT_GT(*entry.due + kTick, now_);
            }
        }
    }
    Instant now() const { return now_; }

private:
    static constexpr size_t kTimers = 60;
    struct Entry {
        Recorder recorder;
        std::optional<Instant> due;
    };

    Duration drawn_gap() {
        constexpr int64_t kMost[] = {1'000'000, 70'000'000, 5'000'000'000, 400'000'000'000,
                                     20'000'000'000'000};
        const auto most = static_cast<double>(kMost[prng_.below(prng_.chance(0.05) ? 5 : 4)]);
        return Duration::nanoseconds(static_cast<int64_t>(prng_.unit() * most));
    }
    void change(size_t i) {
        Entry& entry = timers_[i];
        if (prng_.chance(0.3)) {
            entry.recorder.timer.cancel();
            entry.due.reset();
            return;
        }
        const Instant due = now_ + drawn_gap() - Duration::milliseconds(prng_.below(3));
        wheel_.arm(entry.recorder.timer, due);
        // What is past counts from the last tick that was run.
        entry.due = std::max(due, now_ - Duration::nanoseconds(now_.ns() % kTick.ns()));
    }
    void fired(size_t i) {
        Entry& entry = timers_[i];
        ASSERT_TRUE(entry.due.has_value());
        ASSERT_LE(*entry.due, now_);
        entry.due.reset();
        if (prng_.chance(0.3)) {
            change(prng_.below(kTimers));
        }
    }
    std::optional<Instant> earliest_due() const {
        std::optional<Instant> earliest;
        for (const Entry& entry : timers_) {
            if (entry.due && (!earliest || *entry.due < *earliest)) {
                earliest = entry.due;
            }
        }
        return earliest;
    }

    Prng prng_;
    Instant now_ = kStart;
    TimerWheel wheel_{kStart};
    std::deque<Entry> timers_;
};

TEST(TimerWheel, AgreesWithASortedList) {
    for (uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        WheelModel model(seed);
        for (int i = 0; i < 300 && !testing::Test::HasFatalFailure(); ++i) {
            model.step();
        }
        EXPECT_GT(model.now() - kStart, Duration::seconds(3600));
    }
}

}  // namespace

}  // namespace sluice::net
