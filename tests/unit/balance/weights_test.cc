// Weights that change while a pool is in use.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "balance/options.h"
#include "balance/pool.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

// Requests that stay in flight together; how many each target got.
std::vector<int> place(const Pool& pool, int count) {
    Prng prng(5);
    std::vector<int> counts(pool.targets().size());
    std::vector<Selection> held;
    for (int i = 0; i < count; ++i) {
        held.push_back(
            pool.select({.prompt_tokens = 100, .output_tokens = 100, .affinity = prng.next() | 1},
                        kStart, prng));
        EXPECT_TRUE(held.back());
        ++counts[held.back().target];
    }
    return counts;
}

TEST(Weights, ASetOneHoldsForEveryStrategy) {
    for (const Strategy strategy :
         {Strategy::round_robin, Strategy::random, Strategy::p2c, Strategy::least_loaded,
          Strategy::least_connections, Strategy::consistent_hash, Strategy::latency_weighted}) {
        const auto pool = make_pool(pool_options(strategy, 2));
        pool->set_weight(0, 3);
        EXPECT_FALSE(pool->has_equal_weights());
        const std::vector<int> heavy = place(*pool, 1'000);
        EXPECT_NEAR(heavy[0], 750, 60) << static_cast<int>(strategy);
        pool->set_weight(0, 0);
        EXPECT_TRUE(pool->has_equal_weights());
        EXPECT_NEAR(place(*pool, 1'000)[0], 500, 60) << static_cast<int>(strategy);
    }
}

TEST(Weights, ASetOneOutlivesAReloadUntilTheSettingsHaveAnother) {
    const PoolOptions options = pool_options(Strategy::round_robin, 2);
    const auto pool = make_pool(options);
    pool->set_weight(1, 9);
    const auto same = make_pool(options, pool.get());
    EXPECT_EQ(same->targets()[1].whole_weight, 9U);
    EXPECT_EQ(place(*same, 100), (std::vector{10, 90}));
    PoolOptions other = options;
    other.targets[1].weight = 4;
    const auto written = make_pool(other, same.get());
    EXPECT_EQ(written->targets()[1].whole_weight, 4U);
    // The reload may have failed after that: then the old pool goes on as it was.
    same->set_weight(0, 3);
    EXPECT_EQ(same->targets()[1].whole_weight, 9U);
}

TEST(Weights, OldOnesAreKeptUntilNobodyReadsThem) {
    const auto pool = make_pool(pool_options(Strategy::round_robin, 2));
    const auto before = pool->sequence();
    const uint64_t first = pool->set_weight(0, 2);
    const auto between = pool->sequence();
    const uint64_t second = pool->set_weight(0, 3);
    EXPECT_EQ(second, first + 1);
    pool->forget_weights_before(first);
    EXPECT_EQ(between.size(), 3U);
    EXPECT_EQ(between.front(), 0);
    EXPECT_NE(before.data(), between.data());
    pool->forget_weights_before(second);
    pool->forget_weights_before(second + 5);
    EXPECT_EQ(pool->sequence().size(), 4U);
}

// For the thread sanitizer, and for the ledger: each charge is given back wherever it went.
TEST(Weights, ChangeWhileShardsChoose) {
    const auto pool = make_pool(pool_options(Strategy::round_robin, 3));
    constexpr int kEach = 20'000;
    std::vector<std::thread> shards;
    for (uint64_t seed = 1; seed <= 2; ++seed) {
        shards.emplace_back([&pool, seed] {
            Prng prng(seed);
            for (int i = 0; i < kEach; ++i) {
                Selection one = pool->select({.prompt_tokens = 1}, kStart, prng);
                one.charge.finish({}, kStart);
            }
        });
    }
    for (uint32_t weight = 1; weight <= 200; ++weight) {
        pool->set_weight(weight % 3, weight % 7 + 1);
    }
    for (std::thread& shard : shards) {
        shard.join();
    }
    uint64_t all = 0;
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(is_ledger_empty(state_of(*pool, i)));
        all += selections(*pool)[i];
    }
    EXPECT_EQ(all, 2U * kEach);
}

}  // namespace
}  // namespace sluice::balance
