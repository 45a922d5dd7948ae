// What strategies share.
#include "balance/balancer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

// A target that fails always is still better than one ten times as busy.
constexpr double kFailuresMost = 0.9;
constexpr Duration kFailuresFade = Duration::seconds(30);
// How far an idle target's slowdown is forgotten: it must be asked again to be seen to be better,
// but not so often that a slow one is noticed by many.
constexpr int64_t kIdleFactor = 6;

// The pace of tokens against that of the whole pool.
double pace(const PoolState& pool, const TargetState& state) {
    if (state.per_token_s.is_empty()) {
        return 1;
    }
    const double mean = pool.per_token_s.value(0);
    return mean > 0 ? std::clamp(state.per_token_s.value(mean) / mean, 0.25, 4.0) : 1;
}

}  // namespace

bool Candidates::has(uint16_t index) const {
    return std::ranges::find(items(), index, &Candidate::index) != items().end();
}

size_t Balancer::nominate(const Round&, std::span<uint16_t>) const {
    return 0;
}

bool Balancer::wants_blocks(const PoolOptions&) const {
    return false;
}

size_t draw_by_weight(const Round& round) {
    std::array<uint64_t, Candidates::kMax> below;
    uint64_t sum = 0;
    for (size_t i = 0; i < round.candidates.size(); ++i) {
        sum += std::max(round.candidates[i].target->options.weight, 1U);
        below[i] = sum;
    }
    // Weights are 32 bits and candidates 64, so that a double holds the sum exactly.
    const auto drawn = static_cast<uint64_t>(round.prng.unit() * static_cast<double>(sum));
    size_t found = 0;
    while (found + 1 < round.candidates.size() && below[found] <= drawn) {
        ++found;
    }
    return found;
}

double failure_factor(const TargetState& state, Instant now) {
    if (state.failures.is_empty()) {
        return 1;
    }
    const double failures = state.failures.value_now(0, now, kFailuresFade);
    return 1 / (1 - std::min(failures, kFailuresMost));
}

double predicted_ttft(const Round& round, const Candidate& candidate) {
    const TargetState& state = *candidate.target->state;
    const PoolState& shared = round.pool.state();
    const PoolOptions& options = round.pool.options();
    const uint32_t prompt = round.ask.prompt_tokens;
    const LoadView load = state.load(round.now, prompt);
    const double uncached = prompt - std::min(candidate.cached_tokens, prompt);
    const double weight = candidate.target->weight;
    const double rate = std::max(candidate.target->options.prefill_tokens_per_s, 1U);
    const Duration idle = Duration::milliseconds(options.latency_decay_ms * kIdleFactor);
    const double slowdown = state.slowdown.value_now(1, round.now, idle);
    const double expected = shared.base() + (load.prefill_tokens / weight + uncached) / rate;
    const double decode =
        options.decode_s_per_stream * load.decoding / weight * pace(shared, state);
    return (expected * slowdown + decode) * failure_factor(state, round.now);
}

}  // namespace sluice::balance
