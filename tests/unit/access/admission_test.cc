// Several limits at once: all or nothing, the longest wait, and what is settled at the end.
#include "access/admission.h"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "access/budget.h"
#include "access/limit_book.h"
#include "access/options.h"
#include "access/scope_limits.h"
#include "base/time.h"

namespace sluice::access {
namespace {

// 100 days after the clock began, on Saturday, 28 November 2026, 21:45:30.
constexpr Moment kMoment = {Instant::from_ns(8'640'000'000'000'000), 1'795'902'330'000};
constexpr Instant kNow = kMoment.now;

ScopeLimitsPtr scope_of(LimitBook& book,
                        ScopeKind kind,
                        const LimitOptions& limits,
                        const BudgetOptions& budget = {}) {
    return book.scope(kind, "x", limits, budget, kMoment).value();
}

Demand demand_of(int64_t tokens = 0, int64_t cost = 0) {
    return {.now = kNow, .unix_s = kMoment.unix_s(), .tokens = tokens, .cost_picodollars = cost};
}

int64_t left(const ScopeLimitsPtr& scope, LimitName name) {
    return scope->rate(name).peek(kNow, 0).remaining;
}

TEST(Admission, ScopesWithoutLimitsAdmitEverything) {
    LimitBook book({}, kMoment);
    const auto key = scope_of(book, ScopeKind::key, {});
    const std::array<ScopeLimits*, 2> scopes = {key.get(), nullptr};
    for (int i = 0; i < 100; ++i) {
        Admission admission;
        EXPECT_FALSE(admission.admit(scopes, demand_of(1'000'000, INT64_MAX)));
    }
}

TEST(Admission, OneRefusalLeavesEveryLimitAsItWas) {
    LimitBook book({}, kMoment);
    const auto key =
        scope_of(book, ScopeKind::key,
                 {.requests_per_minute = 10, .tokens_per_minute = 500, .concurrency_max = 1},
                 {.hard_picodollars = 1'000});
    const auto tenant = scope_of(book, ScopeKind::tenant, {.requests_per_day = 5});
    const auto model = scope_of(book, ScopeKind::model, {.tokens_per_day = 100});
    const std::array scopes = {key.get(), tenant.get(), model.get()};
    Admission admission;
    const std::optional<Refusal> refusal = admission.admit(scopes, demand_of(101, 10));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->scope, model.get());
    EXPECT_EQ(refusal->limit, LimitName::tokens_per_day);
    EXPECT_TRUE(refusal->is_too_large);
    EXPECT_EQ(refusal->limit_value, 100);
    EXPECT_EQ(left(key, LimitName::requests_per_minute), 10);
    EXPECT_EQ(left(key, LimitName::tokens_per_minute), 500);
    EXPECT_EQ(left(tenant, LimitName::requests_per_day), 5);
    EXPECT_EQ(key->concurrency().in_flight(), 0);
    EXPECT_EQ(key->budget().status(0).reserved_picodollars, 0);
    EXPECT_FALSE(admission.admit(scopes, demand_of(100, 10)));
    EXPECT_EQ(left(tenant, LimitName::requests_per_day), 4);
    EXPECT_EQ(key->concurrency().in_flight(), 1);
}

// Named twice, a scope agrees twice when it is asked and once when it is taken: what else only
// happens when another shard comes between.
TEST(Admission, WhatWasTakenGoesBackWhenALaterLimitIsTaken) {
    LimitBook book({}, kMoment);
    const auto key = scope_of(book, ScopeKind::key,
                              {.requests_per_minute = 10,
                               .requests_per_day = 10,
                               .tokens_per_minute = 500,
                               .tokens_per_day = 500,
                               .concurrency_max = 5},
                              {.hard_picodollars = 1'000, .soft_picodollars = 1});
    const LimitOptions scarce[] = {
        {.requests_per_hour = 1}, {.tokens_per_hour = 100}, {.concurrency_max = 1}};
    for (const LimitOptions& limits : scarce) {
        const auto model = scope_of(book, ScopeKind::model, limits);
        const std::array scopes = {key.get(), model.get(), model.get()};
        Admission admission;
        const std::optional<Refusal> refusal = admission.admit(scopes, demand_of(60, 10));
        ASSERT_TRUE(refusal);
        EXPECT_EQ(refusal->scope, model.get());
        EXPECT_EQ(admission.soft_exceeded(), nullptr);
        EXPECT_EQ(left(key, LimitName::requests_per_minute), 10);
        EXPECT_EQ(left(key, LimitName::requests_per_day), 10);
        EXPECT_EQ(left(key, LimitName::tokens_per_minute), 500);
        EXPECT_EQ(left(key, LimitName::tokens_per_day), 500);
        EXPECT_EQ(key->concurrency().in_flight(), 0);
        EXPECT_EQ(key->budget().status(kMoment.unix_s()).reserved_picodollars, 0);
        EXPECT_EQ(key->budget().status(kMoment.unix_s()).spent_picodollars, 0);
        EXPECT_TRUE(model->is_idle(kNow, kMoment.unix_s()));
    }
    const auto tenant = scope_of(book, ScopeKind::tenant, {}, {.hard_picodollars = 15});
    Admission admission;
    const auto refusal =
        admission.admit(std::array{key.get(), tenant.get(), tenant.get()}, demand_of(60, 10));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->limit, LimitName::budget);
    EXPECT_EQ(left(key, LimitName::requests_per_minute), 10);
    EXPECT_TRUE(tenant->is_idle(kNow, kMoment.unix_s()));
}

TEST(Admission, TheLongestWaitIsNamed) {
    LimitBook book({}, kMoment);
    const auto key =
        scope_of(book, ScopeKind::key, {.requests_per_minute = 1, .concurrency_max = 1});
    const auto tenant = scope_of(book, ScopeKind::tenant, {.requests_per_day = 1});
    const std::array scopes = {key.get(), tenant.get()};
    Admission first;
    ASSERT_FALSE(first.admit(scopes, demand_of()));
    Admission second;
    const auto refusal = second.admit(scopes, demand_of());
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->limit, LimitName::requests_per_day);
    EXPECT_EQ(refusal->scope->kind(), ScopeKind::tenant);
    // To midnight.
    EXPECT_EQ(refusal->retry_after, Duration::seconds(2 * 3'600 + 14 * 60 + 30));
}

TEST(Admission, TokensAndMoneyAreSettledAsTheyWere) {
    LimitBook book({}, kMoment);
    const auto key = scope_of(book, ScopeKind::key,
                              {.requests_per_minute = 10,
                               .tokens_per_minute = 1'000,
                               .tokens_per_hour = 1'000,
                               .concurrency_max = 2},
                              {.hard_picodollars = 1'000, .soft_picodollars = 200});
    const std::array scopes = {key.get()};
    Admission admission;
    ASSERT_FALSE(admission.admit(scopes, demand_of(400, 300)));
    EXPECT_EQ(admission.soft_exceeded(), key.get());
    EXPECT_EQ(left(key, LimitName::tokens_per_hour), 600);
    admission.settle(kNow, kMoment.unix_s(), 250, 120);
    EXPECT_EQ(left(key, LimitName::requests_per_minute), 9);
    EXPECT_EQ(left(key, LimitName::tokens_per_minute), 750);
    EXPECT_EQ(left(key, LimitName::tokens_per_hour), 750);
    EXPECT_EQ(key->budget().status(kMoment.unix_s()).spent_picodollars, 120);
    EXPECT_EQ(key->concurrency().in_flight(), 0);
    // And more than was estimated.
    ASSERT_FALSE(admission.admit(scopes, demand_of(100, 10)));
    EXPECT_EQ(admission.soft_exceeded(), nullptr);
    admission.settle(kNow, kMoment.unix_s(), 900, 10);
    EXPECT_FALSE(key->rate(LimitName::tokens_per_minute).peek(kNow, 0).is_admitted);
    EXPECT_TRUE(admission.admit(scopes, demand_of(1)));
}

TEST(Admission, WhatEndsUnsettledHasUsedItsRequestOnly) {
    LimitBook book({}, kMoment);
    const auto key =
        scope_of(book, ScopeKind::key,
                 {.requests_per_minute = 10, .tokens_per_minute = 1'000, .concurrency_max = 2},
                 {.hard_picodollars = 1'000});
    {
        Admission admission;
        ASSERT_FALSE(admission.admit(std::array{key.get()}, demand_of(400, 300)));
    }
    EXPECT_EQ(left(key, LimitName::requests_per_minute), 9);
    EXPECT_EQ(left(key, LimitName::tokens_per_minute), 1'000);
    EXPECT_EQ(key->concurrency().in_flight(), 0);
    EXPECT_EQ(key->budget().status(0).reserved_picodollars, 0);
}

TEST(Admission, LimitsThatComeAndGoWhileItIsHeldAreSettledAsTheyWereTaken) {
    LimitBook book({}, kMoment);
    const auto key =
        scope_of(book, ScopeKind::key, {.tokens_per_minute = 100, .concurrency_max = 1});
    Admission admission;
    ASSERT_FALSE(admission.admit(std::array{key.get()}, demand_of(60, 5)));
    scope_of(book, ScopeKind::key, {.tokens_per_minute = 100, .tokens_per_hour = 50},
             {.hard_picodollars = 5});
    admission.settle(kNow, kMoment.unix_s(), 10, 5);
    EXPECT_EQ(left(key, LimitName::tokens_per_minute), 90);
    EXPECT_EQ(left(key, LimitName::tokens_per_hour), 50);
    EXPECT_EQ(key->budget().status(kMoment.unix_s()).spent_picodollars, 0);
    EXPECT_EQ(key->concurrency().in_flight(), 0);
}

TEST(Admission, ABudgetSaysWhenItsPeriodEnds) {
    LimitBook book({}, kMoment);
    const auto key =
        scope_of(book, ScopeKind::key, {}, {.hard_picodollars = 10, .period = BudgetPeriod::hour});
    Admission first;
    ASSERT_FALSE(first.admit(std::array{key.get()}, demand_of(0, 8)));
    Admission second;
    const auto refusal = second.admit(std::array{key.get()}, demand_of(0, 3));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->limit, LimitName::budget);
    EXPECT_EQ(refusal->retry_after, Duration::seconds(14 * 60 + 30));
    EXPECT_EQ(refusal->limit_value, 10);
    EXPECT_EQ(refusal->remaining, 2);
    EXPECT_TRUE(second.admit(std::array{key.get()}, demand_of(0, 11))->is_too_large);
}

TEST(Admission, HeadersTellTheTightestRate) {
    LimitBook book({}, kMoment);
    const auto key =
        scope_of(book, ScopeKind::key, {.requests_per_minute = 10, .requests_per_day = 7});
    const auto tenant = scope_of(book, ScopeKind::tenant, {.tokens_per_minute = 60});
    const std::array<ScopeLimits*, 3> scopes = {key.get(), nullptr, tenant.get()};
    const auto requests = tightest_rate(scopes, RateUnit::requests, kNow);
    ASSERT_TRUE(requests);
    EXPECT_EQ(requests->name, LimitName::requests_per_day);
    EXPECT_EQ(requests->rate.limit, 7);
    Admission admission;
    ASSERT_FALSE(admission.admit(scopes, demand_of(30)));
    const auto tokens = tightest_rate(scopes, RateUnit::tokens, kNow);
    ASSERT_TRUE(tokens);
    EXPECT_EQ(tokens->scope, tenant.get());
    EXPECT_EQ(tokens->rate.remaining, 30);
    EXPECT_EQ(tokens->rate.reset_after, Duration::seconds(30));
    EXPECT_FALSE(tightest_rate(std::array{key.get()}, RateUnit::tokens, kNow));
}

TEST(Concurrency, ASlotGivesItselfBackOnce) {
    ConcurrencyLimit limit;
    limit.configure(1);
    ConcurrencyLimit::Slot slot = limit.try_enter();
    ASSERT_TRUE(slot.is_held());
    EXPECT_FALSE(limit.try_enter().is_held());
    ConcurrencyLimit::Slot moved = std::move(slot);
    slot.release();  // NOLINT(bugprone-use-after-move): of one that holds nothing any more.
    EXPECT_EQ(limit.in_flight(), 1);
    moved = {};
    EXPECT_EQ(limit.in_flight(), 0);
    moved = limit.try_enter();
    limit.configure(0);
    EXPECT_TRUE(limit.try_enter().is_held());
    EXPECT_EQ(limit.in_flight(), 1);
}

TEST(LimitBook, ARecordIsTheSameAfterAReload) {
    LimitBook book({}, kMoment);
    const auto before = scope_of(book, ScopeKind::key, {.requests_per_day = 10});
    ASSERT_TRUE(before->rate(LimitName::requests_per_day).try_take(kNow, 4).is_admitted);
    const auto after = scope_of(book, ScopeKind::key, {.requests_per_day = 20});
    EXPECT_EQ(before, after);
    EXPECT_EQ(left(after, LimitName::requests_per_day), 16);
    EXPECT_NE(scope_of(book, ScopeKind::tenant, {}), after);
    EXPECT_EQ(book.find(ScopeKind::key, "y"), nullptr);
}

TEST(LimitBook, MakesRoomOfWhatIsIdleAndNobodyHolds) {
    LimitBook book({.scopes_max = 2}, kMoment);
    auto used = book.scope(ScopeKind::key, "used", {.requests_per_day = 10}, {}, kMoment).value();
    ASSERT_TRUE(used->rate(LimitName::requests_per_day).try_take(kNow, 1).is_admitted);
    auto held = book.scope(ScopeKind::key, "held", {}, {}, kMoment).value();
    used.reset();
    EXPECT_EQ(book.scope(ScopeKind::key, "new", {}, {}, kMoment).error(),
              "there are limits of 2 scopes already, which is the most");
    const Moment tomorrow = {kNow + Duration::seconds(86'400), kMoment.unix_ms + 86'400'000};
    EXPECT_TRUE(book.scope(ScopeKind::key, "new", {}, {}, tomorrow));
    EXPECT_EQ(book.find(ScopeKind::key, "used"), nullptr);
    EXPECT_EQ(book.find(ScopeKind::key, "held"), held);
}

TEST(LimitBook, RestoresBudgetsByName) {
    LimitBook book({}, kMoment);
    const auto key =
        scope_of(book, ScopeKind::key, {}, {.hard_picodollars = 10, .period = BudgetPeriod::month});
    const int64_t start_s = period_start_s(BudgetPeriod::month, kMoment.unix_s());
    EXPECT_TRUE(book.restore(ScopeKind::key, "x", start_s, 9));
    EXPECT_FALSE(book.restore(ScopeKind::key, "y", start_s, 9));
    EXPECT_FALSE(book.restore(ScopeKind::key, "x", start_s - 1, 9));
    EXPECT_EQ(key->budget().status(kMoment.unix_s()).spent_picodollars, 9);
    EXPECT_FALSE(key->is_idle(kNow, kMoment.unix_s()));
}

TEST(LimitBook, HoursAndDaysBeginAsTheCalendarSays) {
    LimitBook book({}, kMoment);
    const auto key =
        scope_of(book, ScopeKind::key, {.requests_per_hour = 1, .requests_per_day = 1});
    const auto hour = key->rate(LimitName::requests_per_hour).peek(kNow, 0);
    EXPECT_EQ(hour.reset_after, Duration::seconds(14 * 60 + 30));
    const auto day = key->rate(LimitName::requests_per_day).peek(kNow, 0);
    EXPECT_EQ(day.reset_after, Duration::seconds(2 * 3'600 + 14 * 60 + 30));
}

// Two steps of a chain ask one scope: each takes what is its own.
TEST(Admission, AsksOnlyTheLimitsInTheMask) {
    LimitBook book({}, kMoment);
    const auto key =
        scope_of(book, ScopeKind::key, {.requests_per_minute = 1}, {.hard_picodollars = 100});
    const std::array scopes = {key.get()};
    Demand money = demand_of(0, 60);
    money.limits = bit_of(LimitName::budget);
    Demand rates = demand_of();
    rates.limits = kAllLimits & static_cast<LimitMask>(~money.limits);
    Admission of_money;
    Admission of_rates;
    EXPECT_FALSE(of_money.admit(scopes, money));
    EXPECT_EQ(left(key, LimitName::requests_per_minute), 1);
    EXPECT_FALSE(of_rates.admit(scopes, rates));
    EXPECT_EQ(left(key, LimitName::requests_per_minute), 0);
    EXPECT_EQ(key->budget().status(kMoment.unix_s()).reserved_picodollars, 60);
    of_rates.cancel();
    EXPECT_EQ(left(key, LimitName::requests_per_minute), 1);
    EXPECT_EQ(key->budget().status(kMoment.unix_s()).reserved_picodollars, 60);
}

}  // namespace
}  // namespace sluice::access
