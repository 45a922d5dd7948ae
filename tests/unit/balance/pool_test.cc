// Selection: who may be chosen, and what is said when nobody may.
#include "balance/pool.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "balance/charge.h"
#include "balance/options.h"
#include "balance/target_state.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

TEST(Pool, ChargesWhatItSelectsAndReleasesItOnce) {
    const auto pool = make_pool(pool_options(Strategy::random, 1));
    const TargetState& state = state_of(*pool, 0);
    Prng prng(1);
    Selection selection = pool->select({.prompt_tokens = 100, .output_tokens = 20}, kStart, prng);
    ASSERT_TRUE(selection);
    EXPECT_EQ(state.requests.load(), 1);
    EXPECT_EQ(state.prefill_tokens.load(), 100);
    EXPECT_EQ(state.kv_tokens.load(), 120);
    selection.charge.on_first_token(after_ms(300));
    EXPECT_EQ(state.prefill_tokens.load(), 0);
    EXPECT_EQ(state.decoding.load(), 1);
    Charge moved = std::move(selection.charge);
    moved.finish({.verdict = Verdict::success}, after_ms(400));
    EXPECT_TRUE(is_ledger_empty(state));
    moved.finish({.verdict = Verdict::fault}, after_ms(400));
    EXPECT_EQ(state.faults_total.load(), 0U);
    EXPECT_EQ(state.successes_total.load(), 1U);
}

}  // namespace
}  // namespace sluice::balance
