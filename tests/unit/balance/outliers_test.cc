// Who is left out for a while, and who must not be.
#include <cstddef>
#include <cstdint>
#include <memory>

#include <gtest/gtest.h>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target_state.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

void did(TargetState& state, uint32_t successes, uint32_t faults, double slowdown = 1) {
    state.recent_successes += successes;
    state.recent_faults += faults;
    state.recent_ttft_us += static_cast<uint64_t>(successes * slowdown * 1e6);
    state.recent_expected_us += successes * uint64_t{1'000'000};
}

bool is_ejected(const Pool& pool, size_t index, Instant now) {
    return state_of(pool, index).ejected_until_ms.load() > ms_of(now);
}

class OutliersTest : public testing::Test {
protected:
    void all_did_well(size_t but) {
        for (size_t i = 0; i < pool_->targets().size(); ++i) {
            if (i != but) {
                did(state_of(*pool_, i), 20, 0);
            }
        }
    }

    std::unique_ptr<Pool> pool_ = make_pool(pool_options(Strategy::random, 8));
};

TEST_F(OutliersTest, EjectsWhatFails) {
    did(state_of(*pool_, 2), 9, 11);
    all_did_well(2);
    pool_->judge(kStart);
    for (size_t i = 0; i < 8; ++i) {
        EXPECT_EQ(is_ejected(*pool_, i, kStart), i == 2);
    }
    EXPECT_TRUE(is_ejected(*pool_, 2, after_ms(29'999)));
    EXPECT_FALSE(is_ejected(*pool_, 2, after_ms(30'000)));
    // Back, it begins slowly.
    EXPECT_NEAR(state_of(*pool_, 2).ramp(30'000, after_ms(30'000)), 0.1, 0.01);
}

TEST_F(OutliersTest, EachTimeInARowForLonger) {
    Instant now = kStart;
    for (const int64_t expected_ms : {30'000, 60'000, 90'000}) {
        did(state_of(*pool_, 2), 0, 20);
        all_did_well(2);
        pool_->judge(now);
        EXPECT_EQ(state_of(*pool_, 2).ejected_until_ms.load(), ms_of(now) + expected_ms);
        now = now + Duration::milliseconds(expected_ms);
    }
    // Intervals without anything to complain of make it shorter again.
    for (int i = 0; i < 3; ++i) {
        did(state_of(*pool_, 2), 20, 0);
        all_did_well(2);
        pool_->judge(now);
    }
    did(state_of(*pool_, 2), 0, 20);
    pool_->judge(now);
    EXPECT_EQ(state_of(*pool_, 2).ejected_until_ms.load(), ms_of(now) + 30'000);
}

TEST_F(OutliersTest, EjectsWhatIsSlowAfterSomeIntervals) {
    for (int interval = 1; interval <= 3; ++interval) {
        did(state_of(*pool_, 5), 20, 0, 3.5);
        all_did_well(5);
        pool_->judge(kStart);
        EXPECT_EQ(is_ejected(*pool_, 5, kStart), interval == 3);
    }
}

TEST_F(OutliersTest, OneGoodIntervalBetweenBeginsItAnew) {
    for (int interval = 1; interval <= 9; ++interval) {
        did(state_of(*pool_, 5), 20, 0, interval % 3 == 0 ? 2.5 : 3.5);
        all_did_well(5);
        pool_->judge(kStart);
        EXPECT_FALSE(is_ejected(*pool_, 5, kStart));
    }
}

TEST_F(OutliersTest, FewRequestsSayNothingUntilThereAreMore) {
    for (int interval = 1; interval <= 4; ++interval) {
        did(state_of(*pool_, 2), 0, 3);
        all_did_well(2);
        pool_->judge(kStart);
        EXPECT_EQ(is_ejected(*pool_, 2, kStart), interval == 4);
    }
    // But not those of a minute ago.
    for (int interval = 0; interval < 20; ++interval) {
        did(state_of(*pool_, 3), 0, 1);
        all_did_well(3);
        pool_->judge(kStart);
        EXPECT_FALSE(is_ejected(*pool_, 3, kStart));
    }
}

TEST_F(OutliersTest, NeverMoreThanTheShare) {
    for (size_t i = 0; i < 8; ++i) {
        did(state_of(*pool_, i), static_cast<uint32_t>(i), 20);
    }
    pool_->judge(kStart);
    // 30 % of eight are two: those that fail most.
    for (size_t i = 0; i < 8; ++i) {
        EXPECT_EQ(is_ejected(*pool_, i, kStart), i < 2) << i;
    }
    did(state_of(*pool_, 3), 0, 20);
    pool_->judge(kStart);
    EXPECT_FALSE(is_ejected(*pool_, 3, kStart));
}

TEST_F(OutliersTest, OneOfTwoMayBeButNotTheOnlyOne) {
    const auto pair = make_pool(pool_options(Strategy::random, 2));
    did(state_of(*pair, 0), 0, 20);
    did(state_of(*pair, 1), 0, 20);
    pair->judge(kStart);
    EXPECT_NE(is_ejected(*pair, 0, kStart), is_ejected(*pair, 1, kStart));
    const auto alone = make_pool(pool_options(Strategy::random, 1));
    did(state_of(*alone, 0), 0, 20);
    alone->judge(kStart);
    EXPECT_FALSE(is_ejected(*alone, 0, kStart));
}

TEST_F(OutliersTest, NotWhenTheRestIsFullOrAway) {
    PoolOptions options = pool_options(Strategy::random, 2);
    options.targets[0].concurrent_max = 10;
    options.targets[1].concurrent_max = 10;
    const auto pool = make_pool(options);
    state_of(*pool, 0).requests = 6;
    state_of(*pool, 1).requests = 6;
    did(state_of(*pool, 0), 0, 20);
    pool->judge(kStart);
    EXPECT_FALSE(is_ejected(*pool, 0, kStart));
    state_of(*pool, 0).requests = 4;
    did(state_of(*pool, 0), 0, 20);
    state_of(*pool, 1).mode = Mode::drained;
    pool->judge(kStart);
    EXPECT_FALSE(is_ejected(*pool, 0, kStart));
    state_of(*pool, 1).mode = Mode::active;
    did(state_of(*pool, 0), 0, 20);
    pool->judge(kStart);
    EXPECT_TRUE(is_ejected(*pool, 0, kStart));
}

TEST_F(OutliersTest, OfTwoTheSlowerOneStandsOut) {
    const auto pair = make_pool(pool_options(Strategy::random, 2));
    for (int i = 0; i < 3; ++i) {
        did(state_of(*pair, 0), 20, 0, 1);
        did(state_of(*pair, 1), 20, 0, 5);
        pair->judge(kStart);
    }
    EXPECT_FALSE(is_ejected(*pair, 0, kStart));
    EXPECT_TRUE(is_ejected(*pair, 1, kStart));
}

TEST_F(OutliersTest, AFleetThatIsSlowAsAWholeIsNobodysFault) {
    for (int i = 0; i < 9; ++i) {
        for (size_t t = 0; t < 8; ++t) {
            did(state_of(*pool_, t), 20, 0, 30 + static_cast<double>(t));
        }
        pool_->judge(kStart);
    }
    for (size_t t = 0; t < 8; ++t) {
        EXPECT_FALSE(is_ejected(*pool_, t, kStart));
    }
}

}  // namespace
}  // namespace sluice::balance
