// Screening: what is fit at first sight is fit when all is asked, whatever is said of a target.
#include "balance/screening.h"

#include <cstddef>
#include <cstdint>
#include <memory>

#include <gtest/gtest.h>

#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

// A pool of one target with some limits or none.
PoolOptions drawn_options(Prng& prng) {
    PoolOptions options = pool_options(Strategy::random, 1);
    TargetOptions& target = options.targets.front();
    target.context_tokens_max = prng.chance(0.1) ? 1'000 : 0;
    target.concurrent_max = prng.chance(0.1) ? 2 : 0;
    target.requests_per_minute_max = prng.chance(0.1) ? 1 : 0;
    target.tokens_per_minute_max = prng.chance(0.1) ? 100 : 0;
    options.adaptive_limit.enabled = prng.chance(0.1);
    return options;
}

void spoil(TargetState& state, const PoolOptions& options, Instant now, Prng& prng) {
    const int64_t around_ms = ms_of(now) - 5 + prng.below(10);
    state.requests = static_cast<int32_t>(prng.below(4));
    if (prng.chance(0.2)) {
        state.mode = static_cast<Mode>(prng.below(4));
    }
    if (prng.chance(0.2)) {
        state.is_healthy = false;
    }
    if (prng.chance(0.2)) {
        state.resting_until_ms = around_ms;
    }
    if (prng.chance(0.2)) {
        state.ejected_until_ms = around_ms;
    }
    for (uint32_t faults = prng.chance(0.2) ? options.breaker.failures_max : 0; faults > 0;
         --faults) {
        state.breaker.on_fault(options.breaker, now, 1);
    }
}

TEST(Screening, WhatIsFitAtFirstSightIsFit) {
    Prng prng(1);
    size_t plain = 0;
    size_t others = 0;
    for (int i = 0; i < 5'000; ++i) {
        const PoolOptions options = drawn_options(prng);
        const auto pool = make_pool(options);
        const Target& target = pool->targets()[0];
        const Instant now = kStart + Duration::seconds(10);
        spoil(*target.state, options, now, prng);
        const Ask ask = {.prompt_tokens = prng.below(2'000),
                         .output_tokens = 100,
                         .needs = prng.chance(0.1) ? ~0U : kTools};
        if (!is_plainly_fit(target, ask.needs, ms_of(now))) {
            ++others;
            continue;
        }
        ++plain;
        const bool is_panic = prng.chance(0.5);
        EXPECT_EQ(screen(target, 0, ask, options, is_panic, now).fitness, Fitness::fit);
    }
    EXPECT_GT(plain, 300U);
    EXPECT_GT(others, 300U);
}

TEST(Screening, ATargetWithoutLimitsIsFitAtFirstSight) {
    const auto pool = make_pool(pool_options(Strategy::random, 1));
    EXPECT_TRUE(is_plainly_fit(pool->targets()[0], kTools, ms_of(kStart)));
}

}  // namespace
}  // namespace sluice::balance
