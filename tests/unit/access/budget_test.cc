// Periods of the calendar, reservations, and what survives a change of numbers.
#include "access/budget.h"

#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "access/money.h"
#include "access/options.h"

namespace sluice::access {
namespace {

constexpr int64_t kDollar = kPicodollarsPerDollar;
// Saturday, 28 November 2026, 21:45:30.
constexpr int64_t kNow = 1'795'902'330;

TEST(Budget, PeriodsAreOfTheCalendar) {
    struct Case {
        BudgetPeriod period;
        int64_t start_s;
        int64_t end_s;
    };
    for (const Case& expected : {
             Case{BudgetPeriod::hour, 1'795'899'600, 1'795'903'200},
             Case{BudgetPeriod::day, 1'795'824'000, 1'795'910'400},
             Case{BudgetPeriod::week, 1'795'392'000, 1'795'996'800},
             Case{BudgetPeriod::month, 1'793'491'200, 1'796'083'200},
             Case{BudgetPeriod::total, 0, INT64_MAX},
         }) {
        EXPECT_EQ(period_start_s(expected.period, kNow), expected.start_s);
        EXPECT_EQ(period_end_s(expected.period, kNow), expected.end_s);
    }
    // The last second of a year, a leap day, and the first Monday.
    EXPECT_EQ(period_end_s(BudgetPeriod::month, 1'798'761'599), 1'798'761'600);
    EXPECT_EQ(period_start_s(BudgetPeriod::month, 1'709'210'000), 1'706'745'600);
    EXPECT_EQ(period_start_s(BudgetPeriod::week, 345'600), 345'600);  // Four days.
    EXPECT_EQ(period_start_s(BudgetPeriod::week, 345'599), -259'200);
}

TEST(Budget, EachPeriodEndsWhereTheNextOneBegins) {
    for (const BudgetPeriod period :
         {BudgetPeriod::hour, BudgetPeriod::day, BudgetPeriod::week, BudgetPeriod::month}) {
        for (int64_t time_s = kNow; time_s < kNow + int64_t{3} * 366 * 86'400; time_s += 86'399) {
            const int64_t end = period_end_s(period, time_s);
            ASSERT_LE(period_start_s(period, time_s), time_s);
            ASSERT_GT(end, time_s);
            ASSERT_EQ(period_start_s(period, end), end);
            ASSERT_EQ(period_start_s(period, end - 1), period_start_s(period, time_s));
        }
    }
}

TEST(Budget, EstimatesAreReservedAndReplacedByCosts) {
    Budget budget;
    budget.configure({.hard_picodollars = 10 * kDollar}, kNow);
    EXPECT_TRUE(budget.reserve(kNow, 6 * kDollar).is_admitted);
    EXPECT_FALSE(budget.reserve(kNow, 5 * kDollar).is_admitted);
    EXPECT_TRUE(budget.reserve(kNow, 4 * kDollar).is_admitted);
    EXPECT_FALSE(budget.reserve(kNow, 0).is_admitted);
    budget.settle(kNow, 6 * kDollar, 1 * kDollar);
    const BudgetStatus status = budget.status(kNow);
    EXPECT_EQ(status.spent_picodollars, kDollar);
    EXPECT_EQ(status.reserved_picodollars, 4 * kDollar);
    EXPECT_TRUE(budget.reserve(kNow, 5 * kDollar).is_admitted);
}

TEST(Budget, WhatCostsMoreThanEstimatedIsStillCounted) {
    Budget budget;
    budget.configure({.hard_picodollars = 10}, kNow);
    ASSERT_TRUE(budget.reserve(kNow, 10).is_admitted);
    budget.settle(kNow, 10, 25);
    EXPECT_EQ(budget.status(kNow).spent_picodollars, 25);
    EXPECT_FALSE(budget.reserve(kNow, 0).is_admitted);
}

TEST(Budget, ASoftLimitOnlySays) {
    Budget budget;
    budget.configure({.soft_picodollars = 10}, kNow);
    EXPECT_FALSE(budget.reserve(kNow, 10).is_soft_exceeded);
    const BudgetAnswer answer = budget.reserve(kNow, 1);
    EXPECT_TRUE(answer.is_admitted);
    EXPECT_TRUE(answer.is_soft_exceeded);
}

TEST(Budget, ANewPeriodBeginsWithWhatIsReserved) {
    Budget budget;
    budget.configure({.hard_picodollars = 10, .period = BudgetPeriod::day}, kNow);
    ASSERT_TRUE(budget.reserve(kNow, 6).is_admitted);
    budget.settle(kNow, 6, 6);
    ASSERT_TRUE(budget.reserve(kNow, 4).is_admitted);
    const int64_t tomorrow = period_end_s(BudgetPeriod::day, kNow);
    EXPECT_FALSE(budget.reserve(tomorrow - 1, 1).is_admitted);
    EXPECT_FALSE(budget.reserve(tomorrow, 7).is_admitted);
    EXPECT_TRUE(budget.reserve(tomorrow, 6).is_admitted);
    // The clock is set back: the day does not begin again.
    EXPECT_FALSE(budget.reserve(kNow, 1).is_admitted);
    budget.settle(tomorrow, 4, 4);
    EXPECT_EQ(budget.status(tomorrow).spent_picodollars, 4);
}

TEST(Budget, TheLedgerRestoresThePeriodThatRuns) {
    Budget budget;
    budget.configure({.hard_picodollars = 100, .period = BudgetPeriod::week}, kNow);
    EXPECT_FALSE(budget.restore(period_start_s(BudgetPeriod::day, kNow), 50));
    EXPECT_TRUE(budget.restore(period_start_s(BudgetPeriod::week, kNow), 50));
    EXPECT_TRUE(budget.restore(period_start_s(BudgetPeriod::week, kNow), 60));
    EXPECT_EQ(budget.status(kNow).spent_picodollars, 60);
    EXPECT_FALSE(budget.reserve(kNow, 41).is_admitted);
    EXPECT_TRUE(budget.reserve(kNow, 40).is_admitted);
    Budget total;
    total.configure({.hard_picodollars = 100, .period = BudgetPeriod::total}, kNow);
    EXPECT_TRUE(total.restore(0, 99));
    EXPECT_FALSE(total.reserve(kNow, 2).is_admitted);
}

TEST(Budget, NewNumbersKeepWhatWasSpentInTheSameKindOfPeriod) {
    Budget budget;
    budget.configure({.hard_picodollars = 100}, kNow);
    ASSERT_TRUE(budget.reserve(kNow, 80).is_admitted);
    budget.settle(kNow, 80, 80);
    budget.configure({.hard_picodollars = 90}, kNow);
    EXPECT_FALSE(budget.reserve(kNow, 11).is_admitted);
    EXPECT_TRUE(budget.reserve(kNow, 10).is_admitted);
    budget.configure({.hard_picodollars = 90, .period = BudgetPeriod::day}, kNow);
    EXPECT_EQ(budget.status(kNow).spent_picodollars, 0);
    EXPECT_EQ(budget.status(kNow).reserved_picodollars, 10);
}

TEST(Budget, WhatComesIntoForceWantsItsHistory) {
    Budget budget;
    budget.configure({}, kNow);
    EXPECT_FALSE(budget.take_wants_history());
    budget.configure({.hard_picodollars = 100}, kNow);
    EXPECT_TRUE(budget.take_wants_history());
    EXPECT_FALSE(budget.take_wants_history()) << "it is told once";
    budget.configure({.hard_picodollars = 90}, kNow);
    EXPECT_FALSE(budget.take_wants_history());
    budget.configure({.hard_picodollars = 90, .period = BudgetPeriod::day}, kNow);
    EXPECT_TRUE(budget.take_wants_history());
    ASSERT_TRUE(budget.reserve(kNow, 20).is_admitted);
    budget.settle(kNow, 20, 20);
    EXPECT_FALSE(budget.add_history(period_start_s(BudgetPeriod::month, kNow), 50));
    EXPECT_TRUE(budget.add_history(period_start_s(BudgetPeriod::day, kNow), 50));
    EXPECT_EQ(budget.status(kNow).spent_picodollars, 70);
    EXPECT_FALSE(budget.reserve(kNow, 21).is_admitted);
    // Off and on again: what was counted before is in the history.
    budget.configure({.period = BudgetPeriod::day}, kNow);
    budget.configure({.hard_picodollars = 90, .period = BudgetPeriod::day}, kNow);
    EXPECT_TRUE(budget.take_wants_history());
    EXPECT_EQ(budget.status(kNow).spent_picodollars, 0);
}

TEST(Budget, SumsEndAtTheEndOfTheScale) {
    Budget budget;
    budget.configure({.soft_picodollars = 1, .period = BudgetPeriod::total}, kNow);
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(budget.reserve(kNow, INT64_MAX).is_admitted);
        budget.settle(kNow, 0, INT64_MAX);
    }
    EXPECT_EQ(budget.status(kNow).spent_picodollars, kPicodollarsMax);
}

TEST(Money, IsExactInBothDirections) {
    EXPECT_EQ(parse_dollars("0"), 0);
    EXPECT_EQ(parse_dollars("12.5"), 12 * kDollar + kDollar / 2);
    EXPECT_EQ(parse_dollars("0.000000000001"), 1);
    EXPECT_EQ(parse_dollars("9000000"), kPicodollarsMax);
    for (const char* const bad : {"", ".", "1.", ".5", "-1", "1e3", "1,5", "9000000.1", "9000001",
                                  "0.0000000000001", "1.-1", " 1", "99999999999999999999"}) {
        EXPECT_EQ(parse_dollars(bad), std::nullopt) << bad;
    }
    for (const char* const text : {"0", "12.5", "0.000000000001", "9000000", "0.1", "100"}) {
        EXPECT_EQ(format_dollars(parse_dollars(text).value_or(-1)), text);
    }
    EXPECT_EQ(format_dollars(-kDollar / 4), "-0.25");
}

}  // namespace
}  // namespace sluice::access
