// When to ask a second target, and whether the pool can afford it: prompts earn a share of their
// tokens, hedges spend them.
#include <algorithm>
#include <atomic>
#include <cstdint>

#include "balance/charge.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/screening.h"
#include "balance/target.h"
#include "balance/target_state.h"  // IWYU pragma: keep, it is behind a pointer
#include "base/time.h"

namespace sluice::balance {

namespace {

// What may be saved up, so that hedges of a quiet night do not all come in one bad minute.
constexpr int64_t kCreditMost = 200'000 * int64_t{100};

int64_t cost_of(uint32_t prompt_tokens) {
    return int64_t{std::max(prompt_tokens, 1U)} * 100;
}

}  // namespace

void PoolState::earn_hedges(uint32_t prompt_tokens, uint32_t percent) {
    if (hedge_credit.load(std::memory_order_relaxed) < kCreditMost) {
        const int64_t tokens = std::max(prompt_tokens, 1U);
        hedge_credit.fetch_add(tokens * percent, std::memory_order_relaxed);
    }
}

Duration Pool::hedge_delay(const Charge& charge) const {
    if (!options_.hedge.enabled || !charge) {
        return {};
    }
    if (options_.hedge.percentile == 0) {
        return Duration::milliseconds(options_.hedge.delay_ms_min);
    }
    if (!charge.waits_for_first_token()) {
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
    if (!options_.hedge.enabled || is_nearly_full()) {
        return false;
    }
    const int64_t cost = cost_of(prompt_tokens);
    int64_t seen = state_->hedge_credit.load(std::memory_order_relaxed);
    while (seen >= cost) {
        if (state_->hedge_credit.compare_exchange_weak(seen, seen - cost,
                                                       std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

void Pool::give_back_hedge(uint32_t prompt_tokens) const {
    state_->hedge_credit.fetch_add(cost_of(prompt_tokens), std::memory_order_relaxed);
}

// By the targets whose limits are known; others may have room for anything.
bool Pool::is_nearly_full() const {
    const uint64_t percent = options_.hedge.load_percent_max;
    uint64_t in_flight = 0;
    uint64_t most = 0;
    for (const Target& target : targets_) {
        const uint32_t limit = requests_max(target, options_);
        if (limit == UINT32_MAX) {
            return false;
        }
        most += limit;
        const int32_t requests = target.state->requests.load(std::memory_order_relaxed);
        in_flight += static_cast<uint64_t>(std::max(requests, 0));
    }
    return in_flight * 100 > most * percent;
}

}  // namespace sluice::balance
