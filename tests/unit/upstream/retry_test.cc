// Waits before retries, and the budget that they are paid from.
#include "upstream/retry.h"

#include <cstdint>

#include <gtest/gtest.h>

#include "base/time.h"
#include "upstream/options.h"

namespace sluice::upstream {
namespace {

TEST(BackOff, GrowsAndIsDrawnFromZeroToItsCeiling) {
    const RetryOptions options = {.initial_ms = 100, .multiplier = 3, .wait_ms_max = 1'000};
    EXPECT_EQ(back_off(options, 0, 0.0), Duration());
    EXPECT_EQ(back_off(options, 0, 0.5), Duration::milliseconds(50));
    EXPECT_EQ(back_off(options, 1, 0.5), Duration::milliseconds(150));
    EXPECT_EQ(back_off(options, 2, 0.5), Duration::milliseconds(450));
    EXPECT_EQ(back_off(options, 3, 0.5), Duration::milliseconds(500)) << "the ceiling";
    EXPECT_EQ(back_off(options, 10'000, 0.5), Duration::milliseconds(500));
}

TEST(BackOff, TakesFractionsAndOne) {
    const RetryOptions half = {.initial_ms = 100, .multiplier = 1.5};
    EXPECT_EQ(back_off(half, 2, 0.5).us(), 112'500);
    const RetryOptions one = {.initial_ms = 100, .multiplier = 1};
    EXPECT_EQ(back_off(one, 9, 0.5), Duration::milliseconds(50));
}

Instant at(int64_t ms) {
    return Instant::from_ns(1) + Duration::milliseconds(ms);
}

TEST(RetryBudget, IsAShareOfTheTraffic) {
    RetryBudget budget({.budget_percent = 20, .budget_per_s_min = 0});
    uint32_t granted = 0;
    for (int i = 0; i < 100; ++i) {
        budget.on_request();
        granted += budget.take(at(i)) ? 1U : 0U;
    }
    EXPECT_EQ(granted, 20U);
}

TEST(RetryBudget, SavesUpNoMoreThanAHandful) {
    RetryBudget budget({.budget_percent = 100, .budget_per_s_min = 0});
    for (int i = 0; i < 1'000; ++i) {
        budget.on_request();
    }
    uint32_t granted = 0;
    while (budget.take(at(0))) {
        ++granted;
    }
    EXPECT_EQ(granted, 10U);
}

TEST(RetryBudget, HasAFloorWithoutTraffic) {
    RetryBudget budget({.budget_percent = 0, .budget_per_s_min = 2});
    uint32_t granted = 0;
    while (budget.take(at(0))) {
        ++granted;
    }
    EXPECT_EQ(granted, 20U) << "ten seconds' worth at the start";
    EXPECT_FALSE(budget.take(at(499)));
    EXPECT_TRUE(budget.take(at(500)));
    EXPECT_FALSE(budget.take(at(999)));
    EXPECT_TRUE(budget.take(at(1'000)));
    granted = 0;
    while (budget.take(at(3'600'000))) {
        ++granted;
    }
    EXPECT_EQ(granted, 20U) << "an hour brings no more than that again";
}

TEST(RetryBudget, OfNothingGrantsNothing) {
    RetryBudget budget({.budget_percent = 0, .budget_per_s_min = 0});
    budget.on_request();
    EXPECT_FALSE(budget.take(at(0)));
    EXPECT_FALSE(budget.take(at(1'000'000)));
}

}  // namespace
}  // namespace sluice::upstream
