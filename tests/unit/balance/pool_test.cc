// Selection: who may be chosen, what is said when nobody may, and what outlives a reload.
#include "balance/pool.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "balance/charge.h"
#include "balance/options.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

TEST(Pool, NamesTargetsAndTakesAwayWhatTheyLack) {
    PoolOptions options = pool_options(Strategy::random, 2);
    options.targets[1].model = "m";
    options.targets[1].lacks = {"images", "tools"};
    const auto pool = make_pool(options);
    EXPECT_EQ(pool->targets()[0].name, "t0");
    EXPECT_EQ(pool->targets()[1].name, "t1/m");
    EXPECT_EQ(pool->targets()[0].capabilities, ~0U);
    EXPECT_EQ(pool->targets()[1].capabilities, ~(kImages | kTools));
    EXPECT_EQ(names_of_capabilities(kImages | kTools), "tools, images");
    EXPECT_EQ(capability_named("json_schema"), kJsonSchema);
    EXPECT_EQ(capability_named("flying"), 0U);
}

TEST(Pool, AnEmptyOneHasNobody) {
    const auto pool = make_pool(pool_options(Strategy::round_robin, 0));
    Prng prng(1);
    const Selection none = pool->select({.needs = kTools}, kStart, prng);
    EXPECT_EQ(none.without, Without::empty) << "whoever comes next may be able to";
    EXPECT_EQ(none.lacking, 0U);
}

TEST(Pool, AnotherInstanceBehindTheSameNameBeginsAnew) {
    PoolOptions options = pool_options(Strategy::prefix_affinity, 3);
    options.targets[0].instance = options.targets[1].instance = "one";
    const auto before = make_pool(options);
    options.targets[1].instance = "two";
    const Pool after(options, std::vector<uint32_t>(3, ~0U), before.get(), kStart, 1);
    EXPECT_EQ(after.targets()[0].state, before->targets()[0].state);
    EXPECT_NE(after.targets()[1].state, before->targets()[1].state);
    EXPECT_EQ(after.targets()[2].state, before->targets()[2].state);
    EXPECT_EQ(before->targets()[1].name, after.targets()[1].name);
}

TEST(Pool, SaysWhatAllLack) {
    PoolOptions options = pool_options(Strategy::random, 2);
    options.targets[0].lacks = {"images", "audio"};
    options.targets[1].lacks = {"images"};
    const auto pool = make_pool(options);
    Prng prng(1);
    const Selection none = pool->select({.needs = kImages | kTools}, kStart, prng);
    EXPECT_EQ(none.without, Without::incapable);
    EXPECT_EQ(none.lacking, kImages);
    EXPECT_EQ(pool->select({.needs = kAudio}, kStart, prng).target, 1);
}

TEST(Pool, WhereEachLacksSomethingElseItSaysWhatTheNearestLacks) {
    PoolOptions options = pool_options(Strategy::random, 2);
    options.targets[0].lacks = {"images", "audio"};
    options.targets[1].lacks = {"tools"};
    const auto pool = make_pool(options);
    Prng prng(1);
    const Selection none = pool->select({.needs = kImages | kAudio | kTools}, kStart, prng);
    EXPECT_EQ(none.without, Without::incapable);
    EXPECT_EQ(none.lacking, kTools);
}

TEST(Pool, SaysThatAllContextsAreTooShort) {
    PoolOptions options = pool_options(Strategy::random, 2);
    options.targets[0].context_tokens_max = 1'000;
    options.targets[1].context_tokens_max = 2'000;
    const auto pool = make_pool(options);
    Prng prng(1);
    EXPECT_EQ(pool->select({.prompt_tokens = 1'500, .output_tokens = 500}, kStart, prng).target, 1);
    EXPECT_EQ(pool->select({.prompt_tokens = 1'500, .output_tokens = 501}, kStart, prng).without,
              Without::too_long);
}

TEST(Pool, NoRequestTriesATargetTwice) {
    const auto pool = make_pool(pool_options(Strategy::random, 3));
    Prng prng(1);
    std::vector<uint16_t> tried;
    for (int i = 0; i < 3; ++i) {
        const Selection next = pool->select({.tried = tried}, kStart, prng);
        ASSERT_TRUE(next);
        EXPECT_EQ(std::count(tried.begin(), tried.end(), next.target), 0);
        tried.push_back(next.target);
    }
    EXPECT_EQ(pool->select({.tried = tried}, kStart, prng).without, Without::tried);
    // One that rests could have served it.
    tried.pop_back();
    for (size_t i = 0; i < 3; ++i) {
        state_of(*pool, i).rest(after_ms(700));
    }
    const Selection resting = pool->select({.tried = tried}, kStart, prng);
    EXPECT_EQ(resting.without, Without::resting);
    EXPECT_EQ(resting.retry_after, Duration::milliseconds(700));
}

TEST(Pool, SaysWhenTheFirstIsBack) {
    const auto pool = make_pool(pool_options(Strategy::random, 4));
    Prng prng(1);
    state_of(*pool, 0).mode = Mode::drained;
    state_of(*pool, 1).rest(after_ms(5'000));
    state_of(*pool, 2).ejected_until_ms = ms_of(after_ms(3'000));
    state_of(*pool, 3).set_health(false, kStart);
    const Selection none = pool->select({}, kStart, prng);
    EXPECT_EQ(none.without, Without::resting);
    EXPECT_EQ(none.retry_after, Duration::milliseconds(3'000));
    EXPECT_EQ(pool->select({}, after_ms(3'000), prng).target, 2);
}

TEST(Pool, WithAllBreakersOpenItSaysSoAtOnce) {
    const auto pool = make_pool(pool_options(Strategy::latency_weighted, 3));
    Prng prng(1);
    for (size_t i = 0; i < 3; ++i) {
        for (int fault = 0; fault < 5; ++fault) {
            state_of(*pool, i).breaker.on_fault(pool->options().breaker, kStart, i);
        }
    }
    for (int i = 0; i < 1'000; ++i) {
        const Selection none = pool->select({}, after_ms(i), prng);
        EXPECT_EQ(none.without, Without::resting);
        EXPECT_GE(none.retry_after, Duration::seconds(26));
        EXPECT_LE(none.retry_after, Duration::seconds(33));
    }
    // Each is probed once, and not more while the probes hang.
    std::vector<Selection> probes;
    for (int i = 0; i < 3; ++i) {
        probes.push_back(pool->select({}, after_ms(40'000), prng));
        EXPECT_TRUE(probes.back().charge.is_probe());
    }
    const Selection none = pool->select({}, after_ms(40'000), prng);
    EXPECT_EQ(none.without, Without::resting);
    EXPECT_GT(none.retry_after, Duration{});
}

TEST(Pool, ModesAreAboveWhatIsMeasured) {
    const auto pool = make_pool(pool_options(Strategy::random, 1));
    TargetState& state = state_of(*pool, 0);
    Prng prng(1);
    state.mode = Mode::forced_open;
    EXPECT_EQ(pool->select({}, kStart, prng).without, Without::resting);
    state.mode = Mode::forced_closed;
    state.ejected_until_ms = ms_of(after_ms(9'000));
    for (int i = 0; i < 9; ++i) {
        state.breaker.on_fault(pool->options().breaker, kStart, 1);
    }
    EXPECT_TRUE(pool->select({}, kStart, prng));
    state.mode = Mode::active;
    EXPECT_EQ(pool->select({}, kStart, prng).without, Without::resting);
}

TEST(Pool, UsesTheFirstTierThatCan) {
    PoolOptions options = pool_options(Strategy::random, 4);
    options.targets[0].priority = 7;
    options.targets[1].priority = 2;
    options.targets[2].priority = 2;
    options.targets[3].priority = 9;
    const auto pool = make_pool(options);
    Prng prng(1);
    std::set<uint16_t> seen;
    for (int i = 0; i < 100; ++i) {
        seen.insert(pool->select({}, kStart, prng).target);
    }
    EXPECT_EQ(seen, (std::set<uint16_t>{1, 2}));
    state_of(*pool, 1).mode = Mode::drained;
    state_of(*pool, 2).mode = Mode::drained;
    EXPECT_EQ(pool->select({}, kStart, prng).target, 0);
    state_of(*pool, 0).mode = Mode::drained;
    EXPECT_EQ(pool->select({}, kStart, prng).target, 3);
}

TEST(Pool, LimitsWhatIsInFlight) {
    PoolOptions options = pool_options(Strategy::least_loaded, 2);
    options.targets[0].concurrent_max = 2;
    options.targets[1].concurrent_max = 3;
    const auto pool = make_pool(options);
    Prng prng(1);
    std::vector<Selection> held;
    for (int i = 0; i < 5; ++i) {
        held.push_back(pool->select({.prompt_tokens = 1}, kStart, prng));
        EXPECT_TRUE(held.back());
    }
    EXPECT_EQ(pool->select({}, kStart, prng).without, Without::no_room);
    EXPECT_EQ(state_of(*pool, 0).requests.load(), 2);
    held.pop_back();
    EXPECT_TRUE(pool->select({}, kStart, prng));
}

TEST(Pool, SpillsOverWhatAProviderDoesNotLetThrough) {
    PoolOptions options = pool_options(Strategy::priority, 2);
    options.targets[0].requests_per_minute_max = 2;
    options.targets[1].priority = 1;
    const auto pool = make_pool(options);
    Prng prng(1);
    const auto target = [&](Instant now) {
        Selection selection = pool->select({}, now, prng);
        selection.charge.finish({.verdict = Verdict::success}, now);
        return selection.target;
    };
    EXPECT_EQ(target(kStart), 0);
    EXPECT_EQ(target(kStart), 0);
    EXPECT_EQ(target(kStart), 1);
    EXPECT_EQ(target(after_ms(29'000)), 1);
    EXPECT_EQ(target(after_ms(30'100)), 0);
    EXPECT_EQ(target(after_ms(30'100)), 1);
}

TEST(Pool, SaysWhenAProviderLetsTheNextOneThrough) {
    PoolOptions options = pool_options(Strategy::random, 1);
    options.targets[0].requests_per_minute_max = 60;
    const auto pool = make_pool(options);
    Prng prng(1);
    for (int i = 0; i < 60; ++i) {
        Selection selection = pool->select({}, kStart, prng);
        ASSERT_TRUE(selection);
        selection.charge.finish({.verdict = Verdict::success}, kStart);
    }
    const Selection none = pool->select({}, kStart, prng);
    EXPECT_EQ(none.without, Without::no_room);
    EXPECT_GT(none.retry_after, Duration::milliseconds(990));
    EXPECT_LE(none.retry_after, Duration::milliseconds(1'001));
    EXPECT_TRUE(pool->select({}, after_ms(1'001), prng));
    // One that was never sent has used nothing.
    Selection unsent = pool->select({}, after_ms(2'001), prng);
    ASSERT_TRUE(unsent);
    unsent.charge.finish({.was_sent = false}, after_ms(2'001));
    EXPECT_TRUE(pool->select({}, after_ms(2'001), prng));
}

TEST(Pool, ALongerRequestNeedsAllThatAShorterOneDoesAndMore) {
    PoolOptions options = pool_options(Strategy::random, 4);
    options.targets[0].context_tokens_max = 1'000;
    options.targets[1].context_tokens_max = 8'000;
    options.targets[2].context_tokens_max = 1'000;
    const auto pool = make_pool(options);
    EXPECT_EQ(pool->needs_of_length(1'000), 0U);
    const uint32_t longer = pool->needs_of_length(1'001);
    const uint32_t longest = pool->needs_of_length(8'001);
    EXPECT_EQ(pool->needs_of_length(8'000), longer);
    EXPECT_NE(longer, 0U);
    EXPECT_NE(longest, longer);
    EXPECT_EQ(longest & longer, longer);
    EXPECT_EQ(longest & (kDocuments | kTools | kStreaming), 0U);
}

TEST(Pool, NobodyKnowsWhenAFullTargetHasRoom) {
    PoolOptions options = pool_options(Strategy::random, 2);
    options.targets[0].concurrent_max = 1;
    options.targets[1].requests_per_minute_max = 1;
    const auto pool = make_pool(options);
    Prng prng(1);
    const Selection first = pool->select({}, kStart, prng);
    const Selection second = pool->select({}, kStart, prng);
    ASSERT_TRUE(first && second);
    const Selection none = pool->select({}, kStart, prng);
    EXPECT_EQ(none.without, Without::no_room);
    EXPECT_EQ(none.retry_after, Duration()) << "it is worth waiting for the one that is full";
}

TEST(Pool, TokensOfAMinuteAreThoseThatWereUsed) {
    PoolOptions options = pool_options(Strategy::random, 1);
    options.targets[0].tokens_per_minute_max = 1'000;
    const auto pool = make_pool(options);
    Prng prng(1);
    const Ask ask = {.prompt_tokens = 300, .output_tokens = 300};
    const auto use = [&](const Outcome& outcome) {
        Selection selection = pool->select(ask, kStart, prng);
        const bool has_any = static_cast<bool>(selection);
        selection.charge.finish(outcome, kStart);
        return has_any;
    };
    // Of 600 that were expected, 100 were used; those of a refusal not at all.
    EXPECT_TRUE(use({.verdict = Verdict::success, .prompt_tokens = 80, .output_tokens = 20}));
    EXPECT_TRUE(use({.verdict = Verdict::fault}));
    EXPECT_TRUE(use({.verdict = Verdict::success, .prompt_tokens = 300, .output_tokens = 200}));
    // 400 are left.
    EXPECT_FALSE(use({.verdict = Verdict::success}));
    const Selection small = pool->select({.prompt_tokens = 400}, kStart, prng);
    EXPECT_TRUE(small);
    // What is larger than a minute's share has to wait for all of it, and then it goes.
    EXPECT_FALSE(pool->select({.prompt_tokens = 5'000}, kStart, prng));
    EXPECT_TRUE(pool->select({.prompt_tokens = 5'000}, after_ms(70'000), prng));
}

TEST(Pool, InAPanicEverythingIsTried) {
    PoolOptions options = pool_options(Strategy::random, 4);
    options.outliers.panic_percent = 50;
    const auto pool = make_pool(options);
    Prng prng(1);
    const auto eject = [&](size_t i) {
        state_of(*pool, i).ejected_until_ms = ms_of(after_ms(9'000));
    };
    eject(0);
    eject(1);
    std::set<uint16_t> seen;
    for (int i = 0; i < 100; ++i) {
        seen.insert(pool->select({}, kStart, prng).target);
    }
    EXPECT_EQ(seen, (std::set<uint16_t>{2, 3}));
    eject(2);
    seen.clear();
    for (int i = 0; i < 100; ++i) {
        seen.insert(pool->select({}, kStart, prng).target);
    }
    EXPECT_EQ(seen.size(), 4U);
}

TEST(Pool, AFleetMayShrinkALot) {
    PoolOptions options = pool_options(Strategy::prefix_affinity, 100);
    const auto running = make_pool(options);
    options.targets.erase(options.targets.begin(), options.targets.end() - 10);
    const auto pool = make_pool(options, running.get());
    Prng prng(1);
    const std::vector<uint64_t> blocks = {11, 22, 33, 44};
    for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(pool->select({.prompt_tokens = 400, .blocks = blocks}, after_ms(i), prng));
    }
}

// A configuration is made whole before it is known whether it will be in force.
TEST(Pool, OneThatWasNeverUsedChangesNothingOfTheRunningOne) {
    const PoolOptions options = pool_options(Strategy::prefix_affinity, 3);
    const auto running = make_pool(options);
    Prng prng(1);
    const std::vector<uint64_t> blocks = {11, 22, 33, 44};
    const Ask ask = {.prompt_tokens = 400, .blocks = blocks};
    const uint16_t home = running->select(ask, kStart, prng).target;
    for (int i = 0; i < 200; ++i) {
        PoolOptions next = options;
        next.targets.erase(next.targets.begin() + home);
        next.targets.push_back({.llm = "new"});
        make_pool(next, running.get());
    }
    const Selection again = running->select(ask, kStart, prng);
    EXPECT_EQ(again.target, home);
    EXPECT_EQ(again.cached_tokens, 336U);
}

// Their first token is never told of, and yet they are spread by what is in flight.
TEST(Pool, AnswersThatAreNotStreamedAreSpread) {
    const auto pool = make_pool(pool_options(Strategy::latency_weighted, 4));
    Prng prng(1);
    std::vector<Selection> held;
    std::array<uint32_t, 4> most = {};
    for (int i = 0; i < 800; ++i) {
        const Instant now = after_ms(i * int64_t{125});
        held.push_back(pool->select(
            {.prompt_tokens = 500, .output_tokens = 500, .has_first_token = false}, now, prng));
        if (held.size() > 80) {
            held.front().charge.finish({.verdict = Verdict::success}, now);
            held.erase(held.begin());
        }
        for (size_t target = 0; target < 4; ++target) {
            const auto requests = static_cast<uint32_t>(state_of(*pool, target).requests.load());
            most[target] = std::max(most[target], requests);
        }
    }
    for (const uint32_t requests : most) {
        EXPECT_GE(requests, 15U);
        EXPECT_LE(requests, 32U);
    }
    held.clear();
    EXPECT_TRUE(is_ledger_empty(state_of(*pool, 0)));
}

TEST(Pool, ANewTargetIsNotFlooded) {
    PoolOptions options = pool_options(Strategy::least_loaded, 4);
    auto running = make_pool(options);
    Prng prng(1);
    std::vector<Selection> held;
    held.reserve(1'000);
    const Ask ask = {.prompt_tokens = 90, .output_tokens = 10};
    for (int i = 0; i < 400; ++i) {
        held.push_back(running->select(ask, kStart, prng));
    }
    options.targets.push_back({.llm = "new"});
    const auto pool = make_pool(options, running.get());
    for (int i = 0; i < 40; ++i) {
        held.push_back(pool->select(ask, kStart, prng));
    }
    // A tenth of the mean, which is of all five, and the one that comes on top.
    EXPECT_GE(state_of(*pool, 4).requests.load(), 8);
    EXPECT_LE(state_of(*pool, 4).requests.load(), 10);
    for (int i = 0; i < 80; ++i) {
        held.push_back(pool->select(ask, after_ms(15'000), prng));
    }
    EXPECT_NEAR(state_of(*pool, 4).requests.load(), 57, 3);
    for (int i = 0; i < 200; ++i) {
        held.push_back(pool->select(ask, after_ms(30'000), prng));
    }
    EXPECT_NEAR(state_of(*pool, 4).requests.load(), 144, 1);
    held.clear();  // Before the pool goes.
}

TEST(Pool, BeginnersServeWhenThereIsNobodyElse) {
    PoolOptions options = pool_options(Strategy::least_loaded, 1);
    const auto running = make_pool(options);
    state_of(*running, 0).mode = Mode::drained;
    options.targets.push_back({.llm = "new"});
    const auto pool = make_pool(options, running.get());
    Prng prng(1);
    std::vector<Selection> held;
    for (int i = 0; i < 20; ++i) {
        held.push_back(pool->select({.prompt_tokens = 10}, kStart, prng));
        EXPECT_EQ(held.back().target, 1);
    }
}

TEST(Pool, StatesOutliveReloads) {
    const PoolOptions options = pool_options(Strategy::prefix_affinity, 3);
    const auto running = make_pool(options);
    Prng prng(1);
    const std::vector<uint64_t> blocks = {11, 22, 33, 44};
    const Ask ask = {.prompt_tokens = 400, .blocks = blocks};
    Selection before = running->select(ask, kStart, prng);
    const std::string home = running->targets()[before.target].name;
    // The first goes, another comes, and the order changes; also often enough that all numbers of
    // targets would be used up if they were not given back.
    std::unique_ptr<Pool> pool;
    const Pool* last = running.get();
    for (int i = 0; i < 300; ++i) {
        PoolOptions next = options;
        next.targets.insert(next.targets.begin(), {.llm = "other" + std::to_string(i)});
        std::swap(next.targets[1], next.targets[3]);
        auto made = make_pool(next, last);
        pool = std::move(made);
        last = pool.get();
    }
    const Selection after = pool->select(ask, kStart, prng);
    EXPECT_EQ(pool->targets()[after.target].name, home);
    EXPECT_EQ(after.cached_tokens, 336U);  // But for its end.
    EXPECT_EQ(pool->targets()[after.target].state->requests.load(), 2);
    before.charge = {};
    EXPECT_EQ(pool->targets()[after.target].state->requests.load(), 1);
}

}  // namespace
}  // namespace sluice::balance
