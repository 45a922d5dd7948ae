// What is worked out for four candidates at once is what the words of docs/BALANCING.md say, which
// is written out here once more, one candidate at a time and with every branch.
#include "balance/outlook.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "balance/balancer.h"
#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

constexpr Duration kTau = Duration::seconds(10);
constexpr uint32_t kPrompt = 700;

// How slow it is by what was learned of it.
double learned_slowness(const Pool& pool, const TargetState& state, Instant now) {
    const double pool_pace = pool.state().pace.value(1);
    const Duration tau = Duration::milliseconds(int64_t{pool.options().latency_decay_ms} * 6);
    const double pace = state.slowdown.value_now(pool_pace, now, tau) / pool_pace;
    return pace < 1.5 && pace > 1 / 1.5 ? 1 : pace;
}

double expected_ttft_s(const Pool& pool, const Candidate& candidate, Instant now) {
    const Target& target = *candidate.target;
    const TargetState& state = *target.state;
    const LoadView load = state.load(now, kPrompt);
    const double s_per_token = target.prefill_s_per_token;
    double slowness = learned_slowness(pool, state, now);
    double wait_s = 0;
    if (load.prefill_tokens > 0) {
        const auto since_ms = static_cast<double>(ms_of(now) - state.reading_since_ms.load());
        const double reading_s = std::max(since_ms, 0.0) / 1e3;
        if (const auto ours = static_cast<double>(state.prefill_tokens.load()); ours > 0) {
            const double allowed_s =
                (pool.state().base() + ours * s_per_token) * pool.state().pace.value(1);
            slowness = std::max(slowness, reading_s / allowed_s);
        }
        const double all_s = load.prefill_tokens * s_per_token * slowness;
        const double prompts = load.requests - load.decoding;
        const double readable_s = prompts > 2 ? all_s * 2 / prompts : all_s;
        const double read_s = prompts < 0.5 ? 0 : std::min(reading_s, readable_s);
        wait_s = (all_s - read_s) * target.inverse_weight;
    }
    const double uncached = kPrompt - std::min(candidate.cached_tokens, kPrompt);
    const double own_s = (pool.state().base() + uncached * s_per_token) * slowness;
    double decode_s = 0;
    if (load.decoding > 0) {
        const double mean = pool.state().per_token_s.value(0);
        const double relative = mean > 0 ? state.per_token_s.value(0) / mean : 0;
        const double pace = relative > 0 ? std::clamp(relative, 0.25, 4.0) : 1;
        decode_s = pool.options().decode_s_per_stream * load.decoding * target.inverse_weight;
        decode_s *= pace;
    }
    return (own_s + wait_s + decode_s) * Reliability(now).factor(state);
}

class OutlookTest : public testing::Test {
protected:
    bool one_in(uint32_t count) { return prng_.below(count) == 0; }

    void make(size_t count) {
        PoolOptions options = pool_options(Strategy::latency_weighted, count);
        for (TargetOptions& target : options.targets) {
            target.weight = 1 + prng_.below(4);
            target.prefill_tokens_per_s = 1'000 + prng_.below(20'000);
        }
        pool_ = make_pool(std::move(options));
        candidates_.clear();
        for (size_t i = 0; i < count; ++i) {
            fill(state_of(*pool_, i));
            candidates_.push_back({.target = &pool_->targets()[i],
                                   .index = static_cast<uint16_t>(i),
                                   .is_probe = false,
                                   .cached_tokens = one_in(2) ? prng_.below(2 * kPrompt) : 0,
                                   .requests = 0});
        }
    }

    // As other shards may have left it in the middle of a change, too.
    void fill(TargetState& state) {
        state.requests = static_cast<int32_t>(prng_.below(12));
        state.decoding = one_in(5) ? -1 : static_cast<int32_t>(prng_.below(9));
        state.prefill_tokens = one_in(4) ? -int64_t{prng_.below(50)} : prng_.below(9'000);
        state.reading_since_ms = ms_of(now_) - int64_t{prng_.below(4'000)} + 100;
        const Instant before = now_ - Duration::milliseconds(prng_.below(90'000));
        const auto add = [&](Ewma& to, double value) {
            if (!one_in(3)) {
                to.add(value, before, kTau);
            }
        };
        add(state.slowdown, 0.3 + prng_.unit() * 3);
        add(state.per_token_s, 0.001 + prng_.unit() * 0.1);
        add(state.failures, one_in(2) ? 0 : prng_.unit());
        if (one_in(4)) {
            state.set_engine(prng_.below(9), prng_.below(20), prng_.unit(), before);
        }
        if (one_in(4)) {
            state.phantoms.pile(1, before, kTau);
        }
    }

    void check() {
        Prng draws(1);
        const Ask ask = {.prompt_tokens = kPrompt, .output_tokens = 50};
        const Round round = {*pool_, ask, now_, draws, candidates_};
        const Outlook outlook(round);
        for (size_t at = 0; at < candidates_.size(); ++at) {
            const double expected = expected_ttft_s(*pool_, candidates_[at], now_);
            ASSERT_NEAR(outlook.ttft_s(at), expected, expected * 1e-4)
                << at << " of " << candidates_.size();
        }
    }

    Prng prng_{11};
    Instant now_ = after_ms(200'000);
    std::unique_ptr<Pool> pool_;
    std::vector<Candidate> candidates_;
};

TEST_F(OutlookTest, IsWhatItsWordsSay) {
    for (int i = 0; i < 400; ++i) {
        make(2 + prng_.below(63));
        check();
        const Instant then = now_ - Duration::seconds(1);
        pool_->state().base_s.add(0.05 + prng_.unit(), then, kTau);
        pool_->state().pace.add(0.5 + prng_.unit(), then, kTau);
        pool_->state().per_token_s.add(0.02, then, kTau);
        check();
    }
}

// The clock of engines and averages is kept in 32 bits, which end after 49 days.
TEST_F(OutlookTest, IsTheSameWhenTheClockHasRunForWeeks) {
    constexpr int64_t kEndOf32Bits = int64_t{1} << 32U;
    constexpr int64_t kEndOf31Bits = int64_t{1} << 31U;
    for (const int64_t end : {kEndOf31Bits, kEndOf32Bits}) {
        for (const int64_t after : {-500, 0, 1'500, 60'000}) {
            now_ = Instant::from_ns(0) + Duration::milliseconds(end + after);
            make(16);
            check();
        }
    }
}

}  // namespace
}  // namespace sluice::balance
