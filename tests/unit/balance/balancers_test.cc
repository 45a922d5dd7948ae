// What each strategy promises: weights, ties, order, bounds.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "balance/balancer.h"
#include "balance/charge.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/prefix_hash.h"
#include "balance/target_state.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

constexpr Strategy kAll[] = {
    Strategy::latency_weighted, Strategy::round_robin,
    Strategy::random,           Strategy::p2c,
    Strategy::least_loaded,     Strategy::least_connections,
    Strategy::cost_optimized,   Strategy::prefix_affinity,
    Strategy::consistent_hash,  Strategy::priority,
};

// Requests that stay in flight together; how many each target got.
std::vector<int> place(const Pool& pool, int count, Ask ask, Prng& prng) {
    std::vector<int> counts(pool.targets().size());
    std::vector<Selection> held;
    for (int i = 0; i < count; ++i) {
        ask.affinity = ask.affinity != 0 ? prng.next() | 1 : 0;
        held.push_back(pool.select(ask, kStart, prng));
        EXPECT_TRUE(held.back());
        ++counts[held.back().target];
    }
    return counts;
}

TEST(Balancers, AreFoundByTheirNames) {
    for (const Strategy strategy : kAll) {
        EXPECT_EQ(strategy_named(name_of(strategy)), strategy);
        find_balancer(strategy);
    }
    EXPECT_FALSE(strategy_named("fastest"));
}

// Not for the average of its failures, and not for what is imagined to be in flight there.
TEST(Balancers, AnOldFaultLosesNoTies) {
    for (const Strategy strategy : {Strategy::p2c, Strategy::least_loaded,
                                    Strategy::least_connections, Strategy::prefix_affinity}) {
        const auto pool = make_pool(pool_options(strategy, 2));
        Prng prng(3);
        bool has_failed = false;
        while (!has_failed) {
            Selection selection = pool->select({.prompt_tokens = 100}, kStart, prng);
            has_failed = selection.target == 0;
            selection.charge.finish({.verdict = has_failed ? Verdict::fault : Verdict::neutral},
                                    kStart);
        }
        int chosen = 0;
        for (int i = 0; i < 200; ++i) {
            Selection selection = pool->select({.prompt_tokens = 100}, after_ms(600'000), prng);
            chosen += selection.target == 0 ? 1 : 0;
            selection.charge.finish({.verdict = Verdict::neutral}, after_ms(600'000));
        }
        EXPECT_GT(chosen, 50) << name_of(strategy);
        EXPECT_LT(chosen, 150) << name_of(strategy);
    }
}

TEST(Balancers, TwoHundredAtOnceAreSpreadEvenly) {
    for (const Strategy strategy : {Strategy::least_loaded, Strategy::least_connections}) {
        const auto pool = make_pool(pool_options(strategy, 7));
        Prng prng(3);
        const auto counts = place(*pool, 200, {.prompt_tokens = 100, .output_tokens = 9}, prng);
        const auto [least, most] = std::ranges::minmax(counts);
        EXPECT_LE(most - least, 1) << name_of(strategy);
    }
}

TEST(Balancers, LongPromptsArriveEvenlyWhereTheyAreRead) {
    for (const Strategy strategy : {Strategy::latency_weighted, Strategy::prefix_affinity}) {
        const auto pool = make_pool(pool_options(strategy, 8));
        Prng prng(3);
        const auto counts = place(*pool, 200, {.prompt_tokens = 8'000}, prng);
        const auto [least, most] = std::ranges::minmax(counts);
        EXPECT_LE(most - least, 3) << name_of(strategy);
    }
}

TEST(Balancers, RespectWeights) {
    for (const Strategy strategy :
         {Strategy::latency_weighted, Strategy::round_robin, Strategy::random, Strategy::p2c,
          Strategy::least_loaded, Strategy::least_connections, Strategy::consistent_hash,
          Strategy::prefix_affinity}) {
        PoolOptions options = pool_options(strategy, 4);
        const std::array<uint32_t, 4> weights = {10, 20, 30, 40};
        for (size_t i = 0; i < 4; ++i) {
            options.targets[i].weight = weights[i];
        }
        // All at the mean exactly, so that the bound does not hide the scores.
        options.bounded_load_factor = 100;
        const auto pool = make_pool(options);
        Prng prng(3);
        const auto counts =
            place(*pool, 4'000, {.prompt_tokens = 4'000, .output_tokens = 1, .affinity = 1}, prng);
        for (size_t i = 0; i < 4; ++i) {
            EXPECT_NEAR(counts[i], 40.0 * weights[i], 120) << name_of(strategy) << " " << i;
        }
    }
}

TEST(Balancers, BreakTiesByChanceAndWeight) {
    for (const Strategy strategy :
         {Strategy::latency_weighted, Strategy::random, Strategy::p2c, Strategy::least_loaded,
          Strategy::least_connections, Strategy::cost_optimized, Strategy::prefix_affinity,
          Strategy::consistent_hash}) {
        const auto pool = make_pool(pool_options(strategy, 4));
        Prng prng(5);
        std::array<int, 4> counts = {};
        for (int i = 0; i < 8'000; ++i) {
            // Each ends before the next one: the fleet is always idle.
            ++counts[pool->select({.prompt_tokens = 10, .affinity = prng.next() | 1}, kStart, prng)
                         .target];
        }
        for (const int count : counts) {
            EXPECT_NEAR(count, 2'000, 200) << name_of(strategy);
        }
    }
}

// A fifth of them may be used; the others are drained or ejected.
std::set<uint16_t> draw_usable(const Pool& pool, Prng& prng) {
    std::set<uint16_t> usable;
    for (size_t t = 0; t < pool.targets().size(); ++t) {
        TargetState& state = state_of(pool, t);
        const bool is_usable = prng.chance(0.2);
        const bool is_drained = !is_usable && prng.chance(0.5);
        state.mode = is_drained ? Mode::drained : Mode::active;
        state.ejected_until_ms = !is_usable && !is_drained ? ms_of(after_ms(1)) : 0;
        if (is_usable) {
            usable.insert(static_cast<uint16_t>(t));
        }
    }
    return usable;
}

void expect_only_usable(Strategy strategy, size_t size) {
    const auto pool = make_pool(pool_options(strategy, size));
    Prng prng(size);
    for (int i = 0; i < 300; ++i) {
        const std::set<uint16_t> usable = draw_usable(*pool, prng);
        const Selection selection =
            pool->select({.prompt_tokens = 10, .affinity = prng.next()}, kStart, prng);
        ASSERT_EQ(static_cast<bool>(selection), !usable.empty()) << name_of(strategy);
        if (selection) {
            ASSERT_TRUE(usable.contains(selection.target)) << name_of(strategy);
        } else {
            ASSERT_EQ(selection.without, Without::resting);
        }
    }
}

TEST(Balancers, NeverChooseWhatMayNotBeUsed) {
    for (const Strategy strategy : kAll) {
        for (const size_t size : {3U, 16U, 64U, 65U, 500U}) {
            expect_only_usable(strategy, size);
        }
    }
}

TEST(RoundRobin, TakesTurnsExactlyByWeight) {
    PoolOptions options = pool_options(Strategy::round_robin, 3);
    options.targets[0].weight = 5;
    const auto pool = make_pool(options);
    Prng prng(1);
    std::array<int, 3> counts = {};
    std::vector<uint16_t> order;
    for (int i = 0; i < 70; ++i) {
        order.push_back(pool->select({}, kStart, prng).target);
        ++counts[order.back()];
    }
    EXPECT_EQ(counts, (std::array{50, 10, 10}));
    // Smooth: the two others come between, and not after all five.
    for (size_t i = 0; i + 4 <= order.size(); ++i) {
        EXPECT_FALSE(std::all_of(order.begin() + static_cast<ptrdiff_t>(i),
                                 order.begin() + static_cast<ptrdiff_t>(i) + 4,
                                 [](uint16_t t) { return t == 0; }));
    }
}

TEST(RoundRobin, LargePoolsTakeTurnsToo) {
    const auto pool = make_pool(pool_options(Strategy::round_robin, 100));
    Prng prng(1);
    for (int i = 0; i < 300; ++i) {
        pool->select({}, kStart, prng);
    }
    for (const uint64_t count : selections(*pool)) {
        EXPECT_EQ(count, 3U);
    }
}

TEST(RoundRobin, OfOneThatIsGoneTheOthersGetEqualShares) {
    const auto pool = make_pool(pool_options(Strategy::round_robin, 4));
    state_of(*pool, 1).mode = Mode::drained;
    Prng prng(1);
    for (int i = 0; i < 12'000; ++i) {
        pool->select({}, kStart, prng);
    }
    const auto counts = selections(*pool);
    EXPECT_EQ(counts[1], 0U);
    for (const size_t i : {0U, 2U, 3U}) {
        EXPECT_NEAR(static_cast<double>(counts[i]), 4'000, 150);
    }
}

TEST(Priority, TakesTheFirstThatCan) {
    for (const size_t size : {3U, 100U}) {
        const auto pool = make_pool(pool_options(Strategy::priority, size));
        Prng prng(1);
        EXPECT_EQ(pool->select({}, kStart, prng).target, 0);
        state_of(*pool, 0).mode = Mode::drained;
        EXPECT_EQ(pool->select({}, kStart, prng).target, 1);
    }
}

TEST(P2c, LeavesTheMoreLoadedOfTwo) {
    const auto pool = make_pool(pool_options(Strategy::p2c, 2));
    Prng prng(1);
    const Selection first = pool->select({.prompt_tokens = 100}, kStart, prng);
    for (int i = 0; i < 100; ++i) {
        EXPECT_NE(pool->select({.prompt_tokens = 10}, kStart, prng).target, first.target);
    }
}

TEST(LatencyWeighted, GoesWhereTheFirstTokenComesSooner) {
    const auto pool = make_pool(pool_options(Strategy::latency_weighted, 2));
    Prng prng(1);
    state_of(*pool, 0).slowdown.add(3, kStart, Duration::seconds(1));
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(pool->select({.prompt_tokens = 100}, kStart, prng).target, 1);
    }
    // It is forgotten, so that it is asked again at some time.
    const Instant later = after_ms(600'000);
    std::set<uint16_t> seen;
    for (int i = 0; i < 100; ++i) {
        seen.insert(pool->select({.prompt_tokens = 100}, later, prng).target);
    }
    EXPECT_EQ(seen.size(), 2U);
}

TEST(LatencyWeighted, CountsWhatOthersSendThereByTheEnginesWords) {
    const auto pool = make_pool(pool_options(Strategy::latency_weighted, 2));
    Prng prng(1);
    state_of(*pool, 0).set_engine(20, 10, 0.5, kStart);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(pool->select({.prompt_tokens = 1'000}, kStart, prng).target, 1);
    }
    // What was said a minute ago says nothing any more.
    const Instant later = after_ms(60'000);
    std::set<uint16_t> seen;
    for (int i = 0; i < 100; ++i) {
        seen.insert(pool->select({.prompt_tokens = 1'000}, later, prng).target);
    }
    EXPECT_EQ(seen.size(), 2U);
}

TEST(CostOptimized, TakesTheCheapestWithinTheBound) {
    PoolOptions options = pool_options(Strategy::cost_optimized, 3);
    options.targets[0].input_usd_per_million = 3;
    options.targets[0].output_usd_per_million = 15;
    options.targets[1].input_usd_per_million = 1;
    options.targets[1].output_usd_per_million = 5;
    const auto pool = make_pool(options);
    Prng prng(1);
    std::vector<Selection> held;
    std::array<int, 3> counts = {};
    for (int i = 0; i < 40; ++i) {
        held.push_back(pool->select({.prompt_tokens = 8'000, .output_tokens = 100}, kStart, prng));
        ++counts[held.back().target];
    }
    // Ten seconds at a second each, then the next dearer one, then the one without a price, and
    // then wherever it is soonest.
    EXPECT_EQ(held.front().target, 1);
    EXPECT_EQ(held[9].target, 0);
    EXPECT_EQ(held[18].target, 2);
    EXPECT_GE(counts[2], 9);
    EXPECT_NEAR(counts[0], counts[1], 2);
}

TEST(ConsistentHash, KeepsAKeyAtItsTarget) {
    const auto pool = make_pool(pool_options(Strategy::consistent_hash, 8));
    Prng prng(1);
    for (uint64_t key = 1; key < 100; ++key) {
        const uint16_t home = pool->select({.affinity = key}, kStart, prng).target;
        EXPECT_EQ(pool->select({.affinity = key}, kStart, prng).target, home);
    }
}

TEST(ConsistentHash, MovesOnlyWhatMustMove) {
    for (const uint32_t weight : {1U, 3U}) {
        PoolOptions options = pool_options(Strategy::consistent_hash, 8);
        options.targets[0].weight = weight;
        const auto before = make_pool(options);
        options.targets.erase(options.targets.begin() + 3);
        const auto after = make_pool(options);
        Prng prng(1);
        int moved = 0;
        for (uint64_t key = 1; key <= 2'000; ++key) {
            const uint16_t from = before->select({.affinity = key}, kStart, prng).target;
            const uint16_t to = after->select({.affinity = key}, kStart, prng).target;
            if (before->targets()[from].name != after->targets()[to].name) {
                ++moved;
                EXPECT_EQ(from, 3);
            }
        }
        EXPECT_GT(moved, 100);
        EXPECT_LT(moved, 350);
    }
}

TEST(ConsistentHash, BoundsTheLoadOfOneHotKey) {
    const auto pool = make_pool(pool_options(Strategy::consistent_hash, 8));
    Prng prng(1);
    std::vector<Selection> held;
    held.reserve(400);
    for (int i = 0; i < 400; ++i) {
        held.push_back(pool->select({.prompt_tokens = 100, .affinity = 77}, kStart, prng));
    }
    for (size_t i = 0; i < 8; ++i) {
        // A quarter above the mean, and the one that comes on top.
        EXPECT_LE(state_of(*pool, i).kv_tokens.load(), 50 * int64_t{125} + 100);
    }
}

TEST(ConsistentHash, LargePoolsKeepKeysToo) {
    const auto pool = make_pool(pool_options(Strategy::consistent_hash, 1'000));
    Prng prng(1);
    std::set<uint16_t> homes;
    for (uint64_t key = 1; key < 200; ++key) {
        const uint16_t home = pool->select({.affinity = key}, kStart, prng).target;
        EXPECT_EQ(pool->select({.affinity = key}, kStart, prng).target, home);
        homes.insert(home);
    }
    EXPECT_GT(homes.size(), 150U);
}

std::vector<uint64_t> blocks_of(uint64_t conversation, size_t count) {
    std::vector<uint64_t> blocks(count);
    PrefixHasher hasher(conversation, blocks);
    hasher.add(std::string(count * kPrefixBlockBytes, 'x'));
    return blocks;
}

TEST(PrefixAffinity, ComesBackToWhereThePromptIs) {
    for (const size_t size : {8U, 200U}) {
        const auto pool = make_pool(pool_options(Strategy::prefix_affinity, size));
        Prng prng(1);
        ASSERT_TRUE(pool->wants_blocks());
        std::map<uint64_t, uint16_t> homes;
        for (uint64_t c = 1; c <= 50; ++c) {
            const auto blocks = blocks_of(c, 40);
            homes[c] =
                pool->select({.prompt_tokens = 2'560, .blocks = blocks}, kStart, prng).target;
        }
        for (uint64_t c = 1; c <= 50; ++c) {
            const auto blocks = blocks_of(c, 60);
            const Selection again =
                pool->select({.prompt_tokens = 3'840, .blocks = blocks}, kStart, prng);
            EXPECT_EQ(again.target, homes[c]);
            EXPECT_EQ(again.cached_tokens, 2'560U);
        }
    }
}

TEST(PrefixAffinity, LeavesALongQueueAndIsKnownThereFromThenOn) {
    const auto pool = make_pool(pool_options(Strategy::prefix_affinity, 4));
    Prng prng(1);
    const auto blocks = blocks_of(1, 100);
    const Ask ask = {.prompt_tokens = 6'400, .blocks = blocks};
    const uint16_t home = pool->select(ask, kStart, prng).target;
    // A queue that is worth more than reading the prompt again, at four times its length.
    state_of(*pool, home).prefill_tokens += 30'000;
    const Selection second = pool->select(ask, kStart, prng);
    EXPECT_NE(second.target, home);
    EXPECT_EQ(second.cached_tokens, 0U);
    const Selection third = pool->select(ask, kStart, prng);
    EXPECT_EQ(third.target, second.target);
    EXPECT_EQ(third.cached_tokens, 6'336U);  // The end is read again.
    state_of(*pool, home).prefill_tokens -= 30'000;
}

TEST(PrefixAffinity, ATargetThatBeganAnewIsForgotten) {
    const auto pool = make_pool(pool_options(Strategy::prefix_affinity, 4));
    Prng prng(1);
    const auto blocks = blocks_of(1, 100);
    const Ask ask = {.prompt_tokens = 6'400, .blocks = blocks};
    const auto ask_and_hear = [&](int32_t cached, int64_t ms) {
        Selection selection = pool->select(ask, after_ms(ms), prng);
        const uint32_t predicted = selection.cached_tokens;
        selection.charge.on_first_token(after_ms(ms + 1));
        selection.charge.finish(
            {.verdict = Verdict::success, .cached_tokens = cached, .prompt_tokens = 6'400},
            after_ms(ms + 2));
        return predicted;
    };
    EXPECT_EQ(ask_and_hear(0, 0), 0U);
    for (int i = 1; i <= 10; ++i) {
        EXPECT_EQ(ask_and_hear(6'384, i * int64_t{10}), 6'336U);
    }
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(ask_and_hear(0, 200 + i * int64_t{10}), 6'336U);
    }
    EXPECT_EQ(ask_and_hear(0, 300), 0U);
}

// All of the prompt is cached there, but nothing that was sent has begun.
TEST(PrefixAffinity, AWarmTargetThatHangsGetsFew) {
    const auto pool = make_pool(pool_options(Strategy::prefix_affinity, 2));
    Prng prng(1);
    const auto blocks = blocks_of(1, 100);
    const Ask ask = {.prompt_tokens = 6'400, .blocks = blocks};
    Selection first = pool->select(ask, kStart, prng);
    const uint16_t home = first.target;
    first.charge.on_first_token(after_ms(800));
    first.charge.finish({.verdict = Verdict::success}, after_ms(1'000));
    std::vector<Selection> held;
    held.reserve(100);
    for (int i = 0; i < 100; ++i) {
        held.push_back(pool->select(ask, after_ms(2'000 + 100 * i), prng));
    }
    const auto at_home = std::ranges::count(held, home, &Selection::target);
    EXPECT_LT(at_home, 70);
    held.clear();
}

TEST(PrefixAffinity, ATargetThatNeverReportsItsCacheIsBelievedIn) {
    const auto pool = make_pool(pool_options(Strategy::prefix_affinity, 2));
    Prng prng(1);
    const auto blocks = blocks_of(1, 100);
    for (int i = 0; i < 20; ++i) {
        Selection selection =
            pool->select({.prompt_tokens = 6'400, .blocks = blocks}, after_ms(i), prng);
        EXPECT_EQ(selection.cached_tokens, i == 0 ? 0U : 6'336U);
        selection.charge.finish(
            {.verdict = Verdict::success, .cached_tokens = 0, .prompt_tokens = 6'400}, after_ms(i));
    }
}

TEST(Override, ARequestMayNameAnotherStrategy) {
    PoolOptions options = pool_options(Strategy::random, 5);
    options.allow_override = true;
    const auto pool = make_pool(options);
    const Balancer* other = &find_balancer(Strategy::prefix_affinity);
    EXPECT_FALSE(pool->wants_blocks());
    EXPECT_TRUE(pool->wants_blocks(other));
    Prng prng(1);
    const auto blocks = blocks_of(1, 100);
    const Ask ask = {.prompt_tokens = 6'400, .blocks = blocks, .overrides = other};
    const uint16_t home = pool->select(ask, kStart, prng).target;
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(pool->select(ask, kStart, prng).target, home);
    }
}

}  // namespace
}  // namespace sluice::balance
