// The adaptive limit, percentiles of slowdowns, and what hedges may cost.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "balance/adaptive_limit.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/slowdowns.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

// A target that reads so many at once without anybody waiting.
double slowdown_with(uint32_t in_flight, uint32_t capacity) {
    return std::max(1.0, static_cast<double>(in_flight) / capacity);
}

TEST(AdaptiveLimit, FindsWhatATargetCanDo) {
    for (const uint32_t capacity : {30U, 100U, 300U}) {
        AdaptiveLimit limit;
        const AdaptiveLimitOptions options = {.enabled = true};
        EXPECT_EQ(limit.limit(options), 20U);
        for (int i = 0; i < 10'000; ++i) {
            const uint32_t in_flight = limit.limit(options);
            limit.on_sample(slowdown_with(in_flight, capacity), in_flight, options);
        }
        // Half above, where it is seen to slow down, and the queue of four at a time.
        EXPECT_GE(limit.limit(options), capacity);
        EXPECT_LE(limit.limit(options), capacity * 3);
    }
}

TEST(AdaptiveLimit, DoesNotGrowWithoutNeed) {
    AdaptiveLimit limit;
    const AdaptiveLimitOptions options = {.enabled = true};
    for (int i = 0; i < 1'000; ++i) {
        limit.on_sample(1, 5, options);
    }
    EXPECT_EQ(limit.limit(options), 20U);
}

TEST(AdaptiveLimit, StaysWithinItsBounds) {
    AdaptiveLimit limit;
    const AdaptiveLimitOptions options = {
        .enabled = true, .requests_min = 4, .requests_max = 50, .requests_initial = 20};
    for (int i = 0; i < 1'000; ++i) {
        limit.on_sample(1, 1'000, options);
    }
    EXPECT_EQ(limit.limit(options), 50U);
    for (int i = 0; i < 1'000; ++i) {
        limit.on_pushback(options);
    }
    EXPECT_EQ(limit.limit(options), 4U);
}

TEST(AdaptiveLimit, IsHeldByThePool) {
    PoolOptions options = pool_options(Strategy::random, 1);
    options.adaptive_limit = {.enabled = true, .requests_initial = 6};
    const auto pool = make_pool(options);
    Prng prng(1);
    std::vector<Selection> held;
    for (int i = 0; i < 6; ++i) {
        held.push_back(pool->select({}, kStart, prng));
        EXPECT_TRUE(held.back());
    }
    EXPECT_EQ(pool->select({}, kStart, prng).without, Without::no_room);
}

TEST(Slowdowns, GivesPercentiles) {
    Slowdowns slowdowns;
    EXPECT_EQ(slowdowns.percentile(95), 0.0);
    for (int i = 0; i < 950; ++i) {
        slowdowns.add(1);
    }
    for (int i = 0; i < 50; ++i) {
        slowdowns.add(6);
    }
    EXPECT_NEAR(slowdowns.percentile(50), 1, 0.16);
    EXPECT_NEAR(slowdowns.percentile(95), 1, 0.16);
    EXPECT_NEAR(slowdowns.percentile(96), 6, 1);
    EXPECT_LE(slowdowns.percentile(50), slowdowns.percentile(96));
    // The past fades when there is more.
    for (int i = 0; i < 20; ++i) {
        slowdowns.age();
        for (int j = 0; j < 500; ++j) {
            slowdowns.add(6);
        }
    }
    EXPECT_NEAR(slowdowns.percentile(50), 6, 1);
    slowdowns.add(1e9);
    slowdowns.add(0);
}

TEST(Hedge, WaitsForWhatIsUnusualHere) {
    PoolOptions options = pool_options(Strategy::random, 2);
    options.hedge = {.enabled = true, .percentile = 95, .delay_ms_min = 200};
    const auto pool = make_pool(options);
    pool->state().base_s.add(0.1, kStart, Duration::seconds(1));
    Prng prng(1);
    const Selection first = pool->select({.prompt_tokens = 8'000}, kStart, prng);
    EXPECT_EQ(pool->hedge_delay(first.charge), Duration{});
    for (int i = 0; i < 100; ++i) {
        pool->state().slowdowns.add(i < 90 ? 1 : 4);
    }
    // 1.1 s for the prompt, four times.
    EXPECT_NEAR(pool->hedge_delay(first.charge).as_seconds(), 4.4, 0.7);
    const Selection tiny = pool->select({.prompt_tokens = 8}, kStart, prng);
    EXPECT_NEAR(pool->hedge_delay(tiny.charge).as_seconds(), 0.4, 0.07);
    EXPECT_EQ(pool->hedge_delay(Charge()), Duration{});
}

TEST(Hedge, CostsNoMoreThanItsShareOfTokens) {
    PoolOptions options = pool_options(Strategy::random, 2);
    options.hedge = {.enabled = true, .budget_percent = 2};
    const auto pool = make_pool(options);
    Prng prng(1);
    uint64_t sent = 0;
    uint64_t hedged = 0;
    for (int i = 0; i < 20'000; ++i) {
        const uint32_t tokens = 1 + prng.below(2'000);
        pool->select({.prompt_tokens = tokens}, kStart, prng);
        sent += tokens;
        if (pool->take_hedge(tokens)) {
            hedged += tokens;
        }
        ASSERT_LE(hedged * 100, sent * 2);
    }
    EXPECT_GT(hedged * 100, sent * 19 / 10);
}

TEST(Hedge, WaitsAsLongAsItIsToldWithoutAPercentile) {
    PoolOptions options = pool_options(Strategy::random, 2);
    options.hedge = {.enabled = true, .percentile = 0, .delay_ms_min = 70};
    const auto fixed = make_pool(options);
    options.hedge.percentile = 95;
    const auto learned = make_pool(options);
    for (int i = 0; i < 100; ++i) {
        learned->state().slowdowns.add(1);
    }
    Prng prng(1);
    const Ask whole = {.prompt_tokens = 100, .has_first_token = false};
    const Selection by_time = fixed->select(whole, kStart, prng);
    EXPECT_EQ(fixed->hedge_delay(by_time.charge), Duration::milliseconds(70));
    // What is not streamed has no first token that could be late.
    const Selection by_token = learned->select(whole, kStart, prng);
    EXPECT_EQ(learned->hedge_delay(by_token.charge), Duration{});
    const Selection streamed = learned->select({.prompt_tokens = 100}, kStart, prng);
    EXPECT_GT(learned->hedge_delay(streamed.charge), Duration{});
}

TEST(Hedge, IsNotForAFleetThatIsNearlyFull) {
    PoolOptions options = pool_options(Strategy::least_connections, 2);
    options.targets[0].concurrent_max = options.targets[1].concurrent_max = 5;
    options.hedge = {.enabled = true, .budget_percent = 100, .load_percent_max = 80};
    const auto pool = make_pool(options);
    Prng prng(1);
    std::vector<Selection> running;
    running.reserve(9);
    for (int i = 0; i < 8; ++i) {
        running.push_back(pool->select({.prompt_tokens = 10}, kStart, prng));
    }
    EXPECT_TRUE(pool->take_hedge(10));
    running.push_back(pool->select({.prompt_tokens = 10}, kStart, prng));
    EXPECT_FALSE(pool->take_hedge(10));
    running.pop_back();
    EXPECT_TRUE(pool->take_hedge(10));
    // One that was not sent costs nothing: 90 were earned, and 10 are spent.
    pool->give_back_hedge(10);
    EXPECT_TRUE(pool->take_hedge(80));
    EXPECT_FALSE(pool->take_hedge(1));
}

TEST(Hedge, IsOffByDefault) {
    const auto pool = make_pool(pool_options(Strategy::random, 2));
    Prng prng(1);
    const Selection selection = pool->select({.prompt_tokens = 100'000}, kStart, prng);
    EXPECT_EQ(pool->hedge_delay(selection.charge), Duration{});
    EXPECT_FALSE(pool->take_hedge(1));
}

TEST(PoolState, LearnsTheBaseFromTheLowerPart) {
    PoolState state;
    Prng prng(1);
    for (int i = 0; i < 2'000; ++i) {
        // One of eight is five times as slow, and some have queues that we know nothing of.
        const double slow = i % 8 == 0 ? 5 : 1;
        const double queue = prng.chance(0.3) ? prng.unit() : 0;
        state.learn_base(0.3 * slow + queue + 0.01, 0.01, kStart);
    }
    EXPECT_NEAR(state.base(), 0.3, 0.1);
    // What is mostly reading says nothing about the rest.
    state.learn_base(10, 9, kStart);
    EXPECT_NEAR(state.base(), 0.3, 0.1);
}

}  // namespace
}  // namespace sluice::balance
