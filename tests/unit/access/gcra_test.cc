// One rate limit on one thread: the examples that people ask about, then seeds against a model.
#include "access/gcra.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "base/time.h"

namespace sluice::access {
namespace {

constexpr Instant kStart = Instant::from_ns(1'000'000'000'000);

Instant at_ms(int64_t ms) {
    return kStart + Duration::milliseconds(ms);
}

int64_t take_all(Gcra& limit, Instant now, int64_t attempts) {
    int64_t admitted = 0;
    for (int64_t i = 0; i < attempts; ++i) {
        admitted += limit.try_take(now, 1).is_admitted ? 1 : 0;
    }
    return admitted;
}

TEST(Gcra, WithoutNumbersEverythingIsAdmitted) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    EXPECT_FALSE(limit.is_limited());
    EXPECT_EQ(take_all(limit, kStart, 1'000), 1'000);
}

TEST(Gcra, ABurstAtOnceThenOneForEachInterval) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    limit.configure({.limit = 60, .burst = 5}, kStart);
    EXPECT_EQ(take_all(limit, kStart, 50), 5);
    const RateAnswer refused = limit.try_take(kStart, 1);
    EXPECT_FALSE(refused.is_admitted);
    EXPECT_EQ(refused.limit, 60);
    EXPECT_EQ(refused.remaining, 0);
    EXPECT_EQ(refused.retry_after, Duration::seconds(1));
    EXPECT_EQ(refused.reset_after, Duration::seconds(5));
    EXPECT_FALSE(limit.try_take(at_ms(999), 1).is_admitted);
    EXPECT_TRUE(limit.try_take(at_ms(1'000), 1).is_admitted);
    EXPECT_FALSE(limit.try_take(at_ms(1'000), 1).is_admitted);
}

TEST(Gcra, WithoutABurstAMinuteMayComeAtOnce) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    for (const int64_t number : {1, 7, 60, 999, 12'345}) {
        limit.configure({.limit = number}, kStart);
        EXPECT_EQ(take_all(limit, kStart, 2 * number), number) << number;
        // Never more than twice in the first minute; to the unit where the minute divides evenly.
        const int64_t later = take_all(limit, at_ms(60'000), 2 * number);
        EXPECT_LE(later, number);
        EXPECT_GE(later, number - 1);
        limit.give_back(at_ms(60'000), number + later);
    }
}

TEST(Gcra, TheTimeToRetryIsRight) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    limit.configure({.limit = 7'000, .burst = 1'000}, kStart);
    ASSERT_TRUE(limit.try_take(kStart, 900).is_admitted);
    const RateAnswer refused = limit.try_take(kStart, 500);
    ASSERT_FALSE(refused.is_admitted);
    EXPECT_EQ(refused.remaining, 100);
    const Instant then = kStart + refused.retry_after;
    EXPECT_FALSE(limit.try_take(then - Duration::nanoseconds(1), 500).is_admitted);
    EXPECT_TRUE(limit.try_take(then, 500).is_admitted);
}

TEST(Gcra, MoreThanABurstIsNeverAdmitted) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    limit.configure({.limit = 100, .burst = 10}, kStart);
    const RateAnswer refused = limit.try_take(kStart, 11);
    EXPECT_FALSE(refused.is_admitted);
    EXPECT_TRUE(refused.is_too_large);
    EXPECT_EQ(refused.remaining, 10);
    EXPECT_TRUE(limit.peek(kStart, INT64_MAX).is_too_large);
    EXPECT_TRUE(limit.try_take(kStart, 10).is_admitted);
}

TEST(Gcra, APeekChangesNothing) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    limit.configure({.limit = 3}, kStart);
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(limit.peek(kStart, 3).is_admitted);
    }
    EXPECT_EQ(take_all(limit, kStart, 5), 3);
    EXPECT_FALSE(limit.peek(kStart, 1).is_admitted);
}

TEST(Gcra, AWindowAdmitsItsNumberAndTheNextOneBeginsFull) {
    constexpr Duration kPhase = Duration::seconds(500);
    Gcra limit(RatePeriod::hour, RateSpread::window, kPhase);
    // 1,000 s on the clock: the window of 500 s began 500 s ago.
    for (const int64_t number : {1, 7, 1'000, 3'601}) {
        limit.configure({.limit = number}, kStart);
        EXPECT_EQ(take_all(limit, kStart, 2 * number), number);
        const RateAnswer refused = limit.try_take(kStart, 1);
        EXPECT_EQ(refused.retry_after, Duration::seconds(3'100));
        EXPECT_EQ(refused.reset_after, Duration::seconds(3'100));
        EXPECT_EQ(take_all(limit, at_ms(3'099'999), 1), 0);
        limit.give_back(kStart, number);
    }
    EXPECT_EQ(take_all(limit, at_ms(0), 5'000), 3'601);
    EXPECT_EQ(take_all(limit, at_ms(3'100'000), 5'000), 3'601);
    EXPECT_EQ(take_all(limit, at_ms(6'699'999), 5'000), 0);
    EXPECT_EQ(take_all(limit, at_ms(6'700'000), 5'000), 3'601);
}

TEST(Gcra, WhatIsGivenBackCanBeTakenAgainButNotInAnotherWindow) {
    Gcra smooth(RatePeriod::minute, RateSpread::smooth);
    smooth.configure({.limit = 100}, kStart);
    ASSERT_TRUE(smooth.try_take(kStart, 100).is_admitted);
    smooth.give_back(kStart, 40);
    EXPECT_EQ(take_all(smooth, kStart, 100), 40);

    Gcra window(RatePeriod::hour, RateSpread::window);
    window.configure({.limit = 100}, kStart);
    ASSERT_TRUE(window.try_take(kStart, 100).is_admitted);
    window.give_back(kStart, 40);
    EXPECT_EQ(take_all(window, kStart, 100), 40);
    const Instant next = kStart + Duration::seconds(3'600);
    ASSERT_TRUE(window.try_take(next, 90).is_admitted);
    window.give_back(kStart, 60);
    EXPECT_EQ(take_all(window, next, 100), 10);
}

TEST(Gcra, NothingIsGainedByGivingBackToAFullLimit) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    limit.configure({.limit = 60, .burst = 10}, kStart);
    ASSERT_TRUE(limit.try_take(kStart, 10).is_admitted);
    limit.give_back(kStart, 10);
    EXPECT_TRUE(limit.is_full(at_ms(60'000)));
    limit.give_back(kStart, 10);
    EXPECT_EQ(take_all(limit, at_ms(60'000), 50), 10);
}

TEST(Gcra, ADebtIsPaidBeforeAnythingIsAdmittedAndIsBounded) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    limit.configure({.limit = 60, .burst = 10}, kStart);
    ASSERT_TRUE(limit.try_take(kStart, 10).is_admitted);
    limit.correct(kStart, kStart, 3);
    EXPECT_EQ(limit.peek(kStart, 1).retry_after, Duration::seconds(4));
    EXPECT_FALSE(limit.peek(at_ms(2'999), 0).is_admitted);
    EXPECT_TRUE(limit.peek(at_ms(3'000), 0).is_admitted);
    limit.correct(kStart, kStart, INT64_MAX / 2);
    EXPECT_EQ(limit.peek(kStart, 1).retry_after, Duration::seconds(11));
    limit.correct(kStart, kStart, -15);
    EXPECT_EQ(limit.peek(kStart, 0).remaining, 5);
}

TEST(Gcra, ADebtReachesIntoTheNextWindow) {
    Gcra limit(RatePeriod::hour, RateSpread::window);
    limit.configure({.limit = 3'600}, kStart);
    ASSERT_TRUE(limit.try_take(kStart, 3'600).is_admitted);
    limit.correct(kStart, kStart, 1'000);
    const Instant next = Instant::from_ns(3'600'000'000'000);
    EXPECT_EQ(limit.peek(next, 0).remaining, 2'600);
}

TEST(Gcra, NewNumbersHoldAtOnceAndWhatWasUsedStaysUsed) {
    for (const RateSpread spread : {RateSpread::smooth, RateSpread::window}) {
        Gcra limit(RatePeriod::hour, spread);
        limit.configure({.limit = 100}, kStart);
        ASSERT_EQ(take_all(limit, kStart, 30), 30);
        limit.configure({.limit = 50}, kStart);
        EXPECT_EQ(limit.peek(kStart, 0).limit, 50);
        EXPECT_EQ(limit.peek(kStart, 0).remaining, 20);
        limit.configure({.limit = 1'000}, kStart);
        EXPECT_EQ(limit.peek(kStart, 0).remaining, 970);
        limit.configure({.limit = 10}, kStart);
        EXPECT_EQ(limit.peek(kStart, 0).remaining, 0);
        limit.configure({}, kStart);
        EXPECT_TRUE(limit.try_take(kStart, 1'000'000).is_admitted);
    }
}

TEST(Gcra, TheLargestNumbersDoNotOverflow) {
    constexpr int64_t kMost = 10'000'000'000;
    const Instant late = Instant::from_ns(int64_t{8} * 365 * 86'400 * 1'000'000'000);
    for (const RatePeriod period : {RatePeriod::minute, RatePeriod::hour, RatePeriod::day}) {
        for (const RateSpread spread : {RateSpread::smooth, RateSpread::window}) {
            for (const int64_t number : {int64_t{1}, kMost}) {
                Gcra limit(period, spread);
                limit.configure({.limit = number, .burst = kMost}, late);
                ASSERT_TRUE(limit.try_take(late, 1).is_admitted);
                limit.charge(late, INT64_MAX);
                const RateAnswer refused = limit.try_take(late, 1);
                EXPECT_FALSE(refused.is_admitted);
                EXPECT_GT(refused.retry_after, Duration{});
                limit.give_back(late, kMost);
            }
        }
    }
}

// The level of a bucket that leaks, in units times nanoseconds, exact.
class Model {
public:
    Model(int64_t limit, int64_t burst, Duration period)
        : limit_(limit), burst_(burst), period_ns_(period.ns()) {}

    bool try_take(Instant now, int64_t count) {
        leak(now);
        if (level_ + Wide{count} * period_ns_ > Wide{burst_} * period_ns_) {
            return false;
        }
        level_ += Wide{count} * period_ns_;
        return true;
    }
    void add(Instant now, int64_t count) {
        leak(now);
        level_ = std::max<Wide>(level_ + Wide{count} * period_ns_, 0);
        level_ = std::min<Wide>(level_, Wide{2} * burst_ * period_ns_);
    }

private:
    using Wide = __int128;

    void leak(Instant now) {
        level_ = std::max<Wide>(level_ - Wide{(now - last_).ns()} * limit_, 0);
        last_ = now;
    }

    int64_t limit_;
    int64_t burst_;
    int64_t period_ns_;
    Wide level_ = 0;
    Instant last_ = kStart;
};

TEST(GcraSeeds, EveryDecisionIsTheModels) {
    // Numbers that divide a minute of ticks, so that no rounding is involved.
    constexpr int64_t kLimits[] = {1, 6, 60, 1'000, 480'000, 9'600'000};
    for (uint64_t seed = 1; seed <= 60; ++seed) {
        Prng random(seed);
        const int64_t limit_units = kLimits[random.below(6)];
        const int64_t burst = 1 + random.below(static_cast<uint32_t>(2 * limit_units));
        Gcra limit(RatePeriod::minute, RateSpread::smooth);
        limit.configure({.limit = limit_units, .burst = burst}, kStart);
        Model model(limit_units, burst, Duration::seconds(60));
        Instant now = kStart;
        for (int step = 0; step < 2'000; ++step) {
            now = now + Duration::nanoseconds(static_cast<int64_t>(
                            random.unit() * 120e9 / static_cast<double>(limit_units)));
            const int64_t count = random.below(static_cast<uint32_t>(burst + 2));
            if (random.chance(0.1)) {
                limit.charge(now, count);
                model.add(now, count);
            } else {
                const bool is_admitted = limit.try_take(now, count).is_admitted;
                ASSERT_EQ(is_admitted, model.try_take(now, count)) << seed << ' ' << step;
                if (is_admitted && random.chance(0.2)) {
                    limit.give_back(now, count);
                    model.add(now, -count);
                }
            }
        }
    }
}

TEST(GcraSeeds, InEveryStretchOfTimeNoMoreThanABurstAndTheRate) {
    struct Admitted {
        int64_t at_ns;
        int64_t count;
    };
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        Prng random(seed);
        const int64_t limit_units = 1 + random.below(1'000'000);
        const int64_t burst = 1 + random.below(1'000'000);
        Gcra limit(RatePeriod::minute, RateSpread::smooth);
        limit.configure({.limit = limit_units, .burst = burst}, kStart);
        std::vector<Admitted> admitted;
        Instant now = kStart;
        for (int step = 0; step < 600; ++step) {
            now = now + Duration::milliseconds(random.below(2'000));
            const int64_t count = 1 + random.below(static_cast<uint32_t>(burst));
            if (limit.try_take(now, count).is_admitted) {
                admitted.push_back({now.ns(), count});
            }
        }
        for (size_t from = 0; from < admitted.size(); ++from) {
            __int128 sum = 0;
            for (size_t to = from; to < admitted.size(); ++to) {
                sum += admitted[to].count;
                const __int128 stretch_ns = admitted[to].at_ns - admitted[from].at_ns;
                ASSERT_LE((sum - burst) * 60'000'000'000, stretch_ns * limit_units) << seed;
            }
        }
    }
}

TEST(GcraSeeds, AWindowCountsLikeACounter) {
    constexpr int64_t kHourNs = 3'600'000'000'000;
    for (uint64_t seed = 1; seed <= 60; ++seed) {
        Prng random(seed);
        const int64_t limit_units = 1 + random.below(100'000);
        const int64_t phase_ns = int64_t{random.below(3'600'000)} * 1'000'000;
        Gcra limit(RatePeriod::hour, RateSpread::window, Duration::nanoseconds(phase_ns));
        limit.configure({.limit = limit_units}, kStart);
        std::map<int64_t, int64_t> used;
        Instant now = kStart;
        for (int step = 0; step < 2'000; ++step) {
            now = now + Duration::milliseconds(random.below(600'000));
            int64_t& count_of_window = used[(now.ns() + kHourNs - phase_ns) / kHourNs];
            const int64_t count = 1 + random.below(static_cast<uint32_t>(limit_units));
            const bool fits = count_of_window + count <= limit_units;
            ASSERT_EQ(limit.try_take(now, count).is_admitted, fits) << seed << ' ' << step;
            count_of_window += fits ? count : 0;
            if (fits && random.chance(0.3)) {
                const int64_t back = random.below(static_cast<uint32_t>(count + 1));
                limit.give_back(now, back);
                count_of_window -= back;
            }
            ASSERT_EQ(limit.peek(now, 0).remaining, limit_units - count_of_window);
        }
    }
}

}  // namespace
}  // namespace sluice::access
