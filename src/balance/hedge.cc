// When to ask a second target, and whether the pool can afford it: prompts earn a share of their
// tokens, hedges spend them.
#include <algorithm>
#include <atomic>
#include <cstdint>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

// What may be saved up, so that hedges of a quiet night do not all come in one bad minute.
constexpr int64_t kCreditMost = 200'000 * int64_t{100};

}  // namespace

void PoolState::earn_hedges(uint32_t prompt_tokens, uint32_t percent) {
    if (hedge_credit.load(std::memory_order_relaxed) < kCreditMost) {
        hedge_credit.fetch_add(int64_t{prompt_tokens} * percent, std::memory_order_relaxed);
    }
}

Duration Pool::hedge_delay(const Charge& charge) const {
    if (!options_.hedge.enabled || !charge) {
        return {};
    }
    const double slowdown = state_->slowdowns.percentile(options_.hedge.percentile);
    if (slowdown <= 0) {
        return {};
    }
    const double delay_s = charge.expected_ttft_s() * slowdown;
    return std::max(Duration::milliseconds(static_cast<int64_t>(delay_s * 1e3)),
                    Duration::milliseconds(options_.hedge.delay_ms_min));
}

bool Pool::take_hedge(uint32_t prompt_tokens) const {
    if (!options_.hedge.enabled) {
        return false;
    }
    const int64_t cost = int64_t{prompt_tokens} * 100;
    int64_t seen = state_->hedge_credit.load(std::memory_order_relaxed);
    while (seen >= cost) {
        if (state_->hedge_credit.compare_exchange_weak(seen, seen - cost,
                                                       std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

}  // namespace sluice::balance
