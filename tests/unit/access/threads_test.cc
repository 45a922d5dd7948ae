// Eight threads against one record: no limit is exceeded by a single unit. These run under the
// thread sanitizer as well.
#include "support/threads.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "access/admission.h"
#include "access/budget.h"
#include "access/concurrency_limit.h"
#include "access/gcra.h"
#include "access/options.h"
#include "access/scope_limits.h"
#include "base/prng.h"
#include "base/time.h"

namespace sluice::access {
namespace {

using test::kThreads;
using test::on_all_threads;
constexpr int64_t kStartNs = 7'000'000'000'000;

struct Admitted {
    int64_t at_ns;
    int64_t count;
};

// Everything that was admitted of ten times as much as may be, by a clock that all threads push.
std::vector<Admitted> overload(Gcra& limit, int64_t step_ns, int attempts, int64_t count_max) {
    std::atomic<int64_t> clock = kStartNs;
    std::array<std::vector<Admitted>, kThreads> admitted;
    on_all_threads([&](int thread) {
        Prng random(static_cast<uint64_t>(thread) + 1);
        for (int i = 0; i < attempts; ++i) {
            const int64_t now_ns = clock.fetch_add(step_ns, std::memory_order_relaxed);
            const int64_t count = 1 + random.below(static_cast<uint32_t>(count_max));
            if (limit.try_take(Instant::from_ns(now_ns), count).is_admitted) {
                admitted[static_cast<size_t>(thread)].push_back({now_ns, count});
            }
        }
    });
    std::vector<Admitted> all;
    for (const std::vector<Admitted>& some : admitted) {
        all.insert(all.end(), some.begin(), some.end());
    }
    std::ranges::sort(all, {}, &Admitted::at_ns);
    return all;
}

TEST(Threads, ASmoothLimitHoldsInEveryStretchOfTime) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    limit.configure({.limit = 600, .burst = 50}, Instant::from_ns(kStartNs));
    // 600 a minute are offered 6,000: one each 10 ms of the clock that is passed in.
    const auto admitted = overload(limit, 10'000'000, 8'000, 1);
    for (size_t from = 0; from < admitted.size(); ++from) {
        for (size_t to = from; to < admitted.size(); ++to) {
            const int64_t stretch_ns = admitted[to].at_ns - admitted[from].at_ns;
            const auto count = static_cast<int64_t>(to - from + 1);
            ASSERT_LE((count - 50) * 60'000'000'000, stretch_ns * 600);
        }
    }
    // 640 s of the clock: all that may be, but for what threads that were late left.
    EXPECT_LE(admitted.size(), 6'450U);
    EXPECT_GE(admitted.size(), 6'400U);
}

TEST(Threads, TokensAreNotExceededEither) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    limit.configure({.limit = 60'000}, Instant::from_ns(kStartNs));
    // Of 500 tokens on average each 50 ms, ten times as many as a minute has.
    const auto admitted = overload(limit, 50'000'000, 1'000, 1'000);
    int64_t sum = 0;
    for (const Admitted& one : admitted) {
        sum += one.count;
        ASSERT_LE((sum - 60'000) * 60, (one.at_ns - kStartNs) / 1'000'000'000 * 60'000 + 60'000);
    }
    EXPECT_LE(sum, 60'000 + 400 * 1'000);
    EXPECT_GE(sum, 400 * 1'000);
}

TEST(Threads, AWindowAdmitsItsNumberExactly) {
    Gcra limit(RatePeriod::hour, RateSpread::window);
    limit.configure({.limit = 777}, Instant::from_ns(kStartNs));
    constexpr int64_t kHourNs = 3'600'000'000'000;
    const auto admitted = overload(limit, kHourNs / 8'000, 2'000, 1);
    int64_t first = 0;
    int64_t others = 0;
    for (const Admitted& one : admitted) {
        (one.at_ns / kHourNs == kStartNs / kHourNs ? first : others) += one.count;
    }
    // Of the first hour 200 s are left, which is 445 attempts; two more follow, the last one in
    // part. A thread whose attempt of the first hour comes after another's of the second is
    // refused.
    EXPECT_LE(first, 445);
    EXPECT_GT(first, 445 - kThreads);
    EXPECT_EQ(others, 777 + 777);
}

TEST(Threads, WhatIsTakenAndGivenBackIsNeverTooMuchAtOnce) {
    const Instant now = Instant::from_ns(kStartNs);
    for (const RateSpread spread : {RateSpread::smooth, RateSpread::window}) {
        Gcra limit(RatePeriod::day, spread);
        limit.configure({.limit = 100}, now);
        std::atomic<int64_t> taken = 0;
        on_all_threads([&](int thread) {
            Prng random(static_cast<uint64_t>(thread) + 1);
            for (int i = 0; i < 50'000; ++i) {
                const int64_t count = 1 + random.below(60);
                if (limit.try_take(now, count).is_admitted) {
                    ASSERT_LE(taken.fetch_add(count) + count, 100);
                    taken.fetch_sub(count);
                    limit.give_back(now, count);
                }
            }
        });
        EXPECT_EQ(limit.peek(now, 0).remaining, 100);
    }
}

TEST(Threads, NumbersChangeWhileOthersTake) {
    Gcra limit(RatePeriod::day, RateSpread::window);
    const Instant now = Instant::from_ns(kStartNs);
    limit.configure({.limit = 20'000}, now);
    std::atomic<int64_t> admitted = 0;
    on_all_threads([&](int thread) {
        for (int i = 0; i < 10'000; ++i) {
            if (thread == 0) {
                limit.configure({.limit = i % 2 == 0 ? 10'000 : 20'000}, now);
            } else if (limit.try_take(now, 1).is_admitted) {
                admitted.fetch_add(1, std::memory_order_relaxed);
            }
        }
    });
    limit.configure({.limit = 20'000}, now);
    EXPECT_GE(admitted.load(), 10'000);
    // Each change may count a take that it meets by the other numbers.
    EXPECT_LE(admitted.load(), 20'000 + 10'000);
}

TEST(Threads, ConcurrencyIsNeverExceeded) {
    for (const int64_t max : {1, 3}) {
        ConcurrencyLimit limit;
        limit.configure(max);
        std::atomic<int64_t> inside = 0;
        std::atomic<int64_t> entered = 0;
        on_all_threads([&](int) {
            for (int i = 0; i < 100'000; ++i) {
                const ConcurrencyLimit::Slot slot = limit.try_enter();
                if (slot.is_held()) {
                    ASSERT_LE(inside.fetch_add(1) + 1, max);
                    entered.fetch_add(1);
                    inside.fetch_sub(1);
                }
            }
        });
        EXPECT_GT(entered.load(), 0);
        EXPECT_EQ(limit.in_flight(), 0);
    }
}

TEST(Threads, ABudgetIsNeverExceededBySpentAndReserved) {
    constexpr int64_t kHard = 1'000;
    Budget budget;
    budget.configure({.hard_picodollars = kHard, .period = BudgetPeriod::total}, 1'000);
    std::atomic<int64_t> spent = 0;
    std::atomic<int64_t> reserved = 0;
    on_all_threads([&](int thread) {
        Prng random(static_cast<uint64_t>(thread) + 1);
        // For most of the time it is nearly full of what is reserved, and little of that is spent.
        for (int i = 0; i < 100'000; ++i) {
            const int64_t estimate = 1 + random.below(200);
            if (!budget.reserve(1'000, estimate).is_admitted) {
                continue;
            }
            const BudgetStatus status = budget.status(1'000);
            ASSERT_LE(status.spent_picodollars + status.reserved_picodollars, kHard);
            ASSERT_LE(reserved.fetch_add(estimate) + estimate, kHard);
            const int64_t cost = random.chance(0.001) ? 1 : 0;
            reserved.fetch_sub(estimate);
            budget.settle(1'000, estimate, cost);
            spent.fetch_add(cost);
        }
    });
    const BudgetStatus status = budget.status(1'000);
    EXPECT_EQ(status.spent_picodollars, spent.load());
    EXPECT_EQ(status.reserved_picodollars, 0);
    EXPECT_LE(spent.load(), kHard);
    EXPECT_GT(spent.load(), 0);
}

TEST(Threads, ABudgetBeginsItsPeriodsOnceEach) {
    constexpr int64_t kHard = 50;
    constexpr int64_t kHour = 3'600;
    constexpr int64_t kAttempts = 20'000;
    Budget budget;
    budget.configure({.hard_picodollars = kHard, .period = BudgetPeriod::hour}, 0);
    std::atomic<int64_t> clock = 0;
    std::atomic<int64_t> admitted = 0;
    on_all_threads([&](int) {
        for (int64_t i = 0; i < kAttempts; ++i) {
            // Ten attempts an hour at ten each: twice as much as may be.
            const int64_t now_s = clock.fetch_add(kHour / 10);
            if (budget.reserve(now_s, 10).is_admitted) {
                admitted.fetch_add(10);
                budget.settle(now_s, 10, 10);
            }
        }
    });
    constexpr int64_t kHours = kThreads * kAttempts / 10;
    const BudgetStatus status = budget.status(clock.load() - 1);
    EXPECT_EQ(status.reserved_picodollars, 0);
    EXPECT_EQ(status.period_start_s, (kHours - 1) * kHour);
    EXPECT_LE(status.spent_picodollars, kHard);
    EXPECT_LE(admitted.load(), kHours * kHard);
    // How much of them was used depends on who was interrupted where. The next hour, alone, is
    // there whole again.
    admitted.store(0);
    for (int64_t i = 0; i < 10; ++i) {
        if (budget.reserve(kHours * kHour, 10).is_admitted) {
            admitted.fetch_add(10);
            budget.settle(kHours * kHour, 10, 10);
        }
    }
    EXPECT_EQ(admitted.load(), kHard);
}

TEST(Threads, AllLimitsOfARequestOrNone) {
    const WindowPhases phases;
    ScopeLimits key(ScopeKind::key, "k", phases);
    ScopeLimits tenant(ScopeKind::tenant, "t", phases);
    ScopeLimits model(ScopeKind::model, "m", phases);
    const Instant now = Instant::from_ns(kStartNs);
    key.configure({.requests_per_minute = 100'000, .tokens_per_minute = 10'000'000}, {}, now, 0);
    tenant.configure({.requests_per_day = 3'000, .concurrency_max = 4},
                     {.hard_picodollars = 1'000'000}, now, 0);
    model.configure({.tokens_per_hour = 40'000}, {}, now, 0);
    std::atomic<int64_t> admitted = 0;
    std::atomic<int64_t> tokens = 0;
    on_all_threads([&](int thread) {
        Prng random(static_cast<uint64_t>(thread) + 1);
        const std::array scopes = {thread % 2 == 0 ? &key : &model, &tenant,
                                   thread % 2 == 0 ? &model : &key};
        for (int i = 0; i < 4'000; ++i) {
            Admission admission;
            const int64_t estimate = 1 + random.below(40);
            const std::optional<Refusal> refusal = admission.admit(
                scopes, {.now = now, .tokens = estimate, .cost_picodollars = estimate});
            if (!refusal) {
                const int64_t used = random.below(static_cast<uint32_t>(estimate + 1));
                admission.settle(now, 0, used, used);
                admitted.fetch_add(1);
                tokens.fetch_add(used);
            }
        }
    });
    // No time has passed, so what is left tells what was taken: to the unit, also after thousands
    // of admissions that were rolled back.
    EXPECT_EQ(key.rate(LimitName::requests_per_minute).peek(now, 0).remaining,
              100'000 - admitted.load());
    EXPECT_EQ(tenant.rate(LimitName::requests_per_day).peek(now, 0).remaining,
              3'000 - admitted.load());
    EXPECT_EQ(key.rate(LimitName::tokens_per_minute).peek(now, 0).remaining,
              10'000'000 - tokens.load());
    EXPECT_EQ(model.rate(LimitName::tokens_per_hour).peek(now, 0).remaining,
              40'000 - tokens.load());
    EXPECT_EQ(tenant.budget().status(0).spent_picodollars, tokens.load());
    EXPECT_EQ(tenant.budget().status(0).reserved_picodollars, 0);
    EXPECT_EQ(tenant.concurrency().in_flight(), 0);
    EXPECT_LE(tokens.load(), 40'000);
}

}  // namespace
}  // namespace sluice::access
