// What an attempt leaves behind at its target, by how it ended.
#include "balance/charge.h"

#include <cstdint>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/target_state.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

class ChargeTest : public testing::Test {
protected:
    Charge begin(Instant now, uint32_t prompt_tokens = 100) {
        Selection selection =
            pool_->select({.prompt_tokens = prompt_tokens, .output_tokens = 50}, now, prng_);
        EXPECT_TRUE(selection);
        return std::move(selection.charge);
    }
    TargetState& state() { return state_of(*pool_, 0); }

    std::unique_ptr<Pool> pool_ = make_pool(pool_options(Strategy::random, 1));
    Prng prng_{1};
};

TEST_F(ChargeTest, MovesFromPrefillToDecodeOnce) {
    Charge charge = begin(kStart);
    charge.on_first_token(after_ms(100));
    charge.on_first_token(after_ms(200));
    EXPECT_EQ(state().prefill_tokens.load(), 0);
    EXPECT_EQ(state().decoding.load(), 1);
    EXPECT_EQ(state().kv_tokens.load(), 150);
    EXPECT_EQ(state().requests.load(), 1);
}

TEST_F(ChargeTest, TheFirstTokenOfAllSaysNothingOfItsTarget) {
    begin(kStart, 1).on_first_token(after_ms(20));
    EXPECT_NEAR(state().slowdown.value(0), 1, 0.05);
    EXPECT_LT(pool_->state().base(), 0.03);
    begin(after_ms(100), 1).on_first_token(after_ms(160));
    EXPECT_GT(state().slowdown.value(0), 1.05) << "what follows does";
}

TEST_F(ChargeTest, IsReleasedWhereverItEnds) {
    {
        const Charge dropped = begin(kStart);
    }
    EXPECT_TRUE(is_ledger_empty(state()));
    {
        Charge dropped = begin(kStart);
        dropped.on_first_token(after_ms(100));
    }
    EXPECT_TRUE(is_ledger_empty(state()));
    Charge first = begin(kStart);
    Charge second = begin(kStart, 7);
    first = std::move(second);
    EXPECT_EQ(state().prefill_tokens.load(), 7);
    first = {};
    EXPECT_TRUE(is_ledger_empty(state()));
    EXPECT_EQ(state().neutral_total.load(), 0U);
}

TEST_F(ChargeTest, LearnsSlownessFromTheFirstToken) {
    pool_->state().base_s.add(0.1, kStart, Duration::seconds(1));
    // 8,000 tokens take a second at the rate that was set, and 0.1 s is for the rest.
    Charge charge = begin(kStart, 8'000);
    charge.on_first_token(after_ms(2'200));
    EXPECT_NEAR(state().slowdown.value(0), 2.0, 0.01);
    charge.finish({.verdict = Verdict::success}, after_ms(60'000));
    EXPECT_NEAR(state().slowdown.value(0), 2.0, 0.01);
}

TEST_F(ChargeTest, WhatWaitedBeforeItIsNotItsTargetsFault) {
    pool_->state().base_s.add(0.1, kStart, Duration::seconds(1));
    const Charge before = begin(kStart, 16'000);
    Charge charge = begin(kStart, 8'000);
    charge.on_first_token(after_ms(3'100));
    EXPECT_NEAR(state().slowdown.value(0), 1.0, 0.01);
}

TEST_F(ChargeTest, AFaultThatComesAtOnceIsNoFastAnswer) {
    Charge charge = begin(kStart);
    charge.finish({.verdict = Verdict::fault, .error = 9}, after_ms(1));
    EXPECT_GE(state().slowdown.value(0), 8.0);
    EXPECT_NEAR(state().failures.value(0), 1.0, 1e-6);
    EXPECT_EQ(state().last_error.load(), 9U);
    EXPECT_EQ(state().faults_total.load(), 1U);
    // It looks busier for a while, though nothing is in flight.
    EXPECT_TRUE(is_ledger_empty(state()));
    EXPECT_NEAR(state().load(after_ms(1), 100).requests, 1.0, 0.01);
    EXPECT_NEAR(state().load(after_ms(1), 100).kv_tokens, 100.0, 0.1);
    EXPECT_LT(state().load(after_ms(10'000), 100).requests, 0.05);
}

TEST_F(ChargeTest, APushbackIsARestAndNoFault) {
    Charge charge = begin(kStart);
    charge.finish({.verdict = Verdict::pushback, .retry_after = Duration::seconds(2)}, kStart);
    EXPECT_EQ(state().faults_total.load(), 0U);
    EXPECT_EQ(state().pushbacks_total.load(), 1U);
    EXPECT_TRUE(state().failures.is_empty());
    EXPECT_FALSE(pool_->select({}, after_ms(1'999), prng_));
    EXPECT_TRUE(pool_->select({}, after_ms(2'000), prng_));
}

TEST_F(ChargeTest, ARestIsBelievedUpToFiveMinutes) {
    begin(kStart).finish({.verdict = Verdict::pushback, .retry_after = Duration::seconds(9'999)},
                         kStart);
    EXPECT_EQ(pool_->select({}, kStart, prng_).retry_after, Duration::seconds(300));
    EXPECT_TRUE(pool_->select({}, after_ms(300'000), prng_));
}

TEST_F(ChargeTest, ClientErrorsOpenNoBreaker) {
    for (int i = 0; i < 1'000; ++i) {
        begin(kStart).finish({.verdict = Verdict::neutral}, kStart);
        Charge pushed = begin(kStart);
        pushed.finish({.verdict = Verdict::neutral}, kStart);
    }
    EXPECT_EQ(state().breaker.status().state, CircuitBreaker::State::closed);
    EXPECT_EQ(state().neutral_total.load(), 2'000U);
}

TEST_F(ChargeTest, FaultsOpenTheBreakerAndAProbeClosesIt) {
    for (int i = 0; i < 5; ++i) {
        begin(kStart).finish({.verdict = Verdict::fault}, kStart);
    }
    EXPECT_FALSE(pool_->select({}, after_ms(1'000), prng_));
    const Instant due = after_ms(33'000);
    // A probe that shows nothing gives its place back; so does one that is dropped.
    Charge probe = begin(due);
    EXPECT_TRUE(probe.is_probe());
    EXPECT_FALSE(pool_->select({}, due, prng_));
    probe.finish({.verdict = Verdict::neutral}, due);
    {
        const Charge dropped = begin(due);
    }
    for (int i = 0; i < 2; ++i) {
        probe = begin(due);
        EXPECT_TRUE(probe.is_probe());
        probe.finish({.verdict = Verdict::success}, due);
    }
    EXPECT_FALSE(begin(due).is_probe());
    // It begins slowly, and what is remembered of its faults is gone.
    EXPECT_LT(state().ramp(30'000, due), 0.2);
    EXPECT_TRUE(state().failures.is_empty());
}

TEST_F(ChargeTest, APushbackOfAProbeOpensItAgain) {
    for (int i = 0; i < 5; ++i) {
        begin(kStart).finish({.verdict = Verdict::fault}, kStart);
    }
    const Instant due = after_ms(33'000);
    begin(due).finish({.verdict = Verdict::pushback}, due);
    EXPECT_EQ(state().breaker.status().state, CircuitBreaker::State::open);
    EXPECT_EQ(state().breaker.status().opened_count, 2U);
}

TEST_F(ChargeTest, AFaultNeverLowersWhatIsThought) {
    pool_->state().base_s.add(0.1, kStart, Duration::seconds(1));
    Charge slow = begin(kStart, 1);
    slow.on_first_token(after_ms(5'000));
    const double before = state().slowdown.value(0);
    ASSERT_GT(before, 40.0);
    slow.finish({.verdict = Verdict::fault}, after_ms(5'001));
    EXPECT_EQ(state().slowdown.value(0), before);
}

}  // namespace
}  // namespace sluice::balance
