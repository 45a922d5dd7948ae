// Reading: one pass over the candidates, whose states are each in a line of memory of their own.
#include "balance/outlook.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "balance/balancer.h"
#include "balance/ewma.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// How far an idle target's slowdown is forgotten: it must be asked again to be seen to be better,
// but not so often that a slow one is noticed by many.
constexpr float kIdleFactor = 6;

}  // namespace

// Its columns are written by read() alone, as most of them would be cleared for nothing.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
Outlook::Outlook(const Round& round)
    : now_ms_(static_cast<uint32_t>(ms_of(round.now))),
      reliability_(round.now),
      fading_per_ms_(1 / (kIdleFactor *
                          static_cast<float>(std::max(round.pool.options().latency_decay_ms, 1U)))),
      base_s_(static_cast<float>(round.pool.state().base())),
      pool_pace_(static_cast<float>(round.pool.state().pace.value(1))),
      pool_pace_inverse_(1 / pool_pace_),
      per_token_inverse_(0),
      decode_s_(static_cast<float>(round.pool.options().decode_s_per_stream)) {
    const auto mean = static_cast<float>(round.pool.state().per_token_s.value(0));
    per_token_inverse_ = mean > 0 ? 1 / mean : 0;
    for (size_t at = 0; at < round.candidates.size(); ++at) {
        read(round, at);
    }
}

[[gnu::always_inline]] inline void Outlook::read(const Round& round, size_t at) {
    const Candidate& candidate = round.candidates[at];
    const Target& target = *candidate.target;
    const TargetState& state = *target.state;
    const uint32_t prompt = round.ask.prompt_tokens;
    read_load(round, state, at);
    uncached_tokens_[at] = static_cast<int32_t>(prompt - std::min(candidate.cached_tokens, prompt));
    reading_since_ms_[at] = static_cast<uint32_t>(state.reading_since_ms.load(kRelaxed));
    const Ewma::Sample slowdown = state.slowdown.sample();
    slowdown_[at] = slowdown.value;
    slowdown_at_ms_[at] = slowdown.at_ms;
    per_token_s_[at] = state.per_token_s.sample().value;
    s_per_token_[at] = target.prefill_s_per_token;
    inverse_weight_[at] = target.inverse_weight;
    failure_factor_[at] = static_cast<float>(reliability_.factor(state));
}

[[gnu::always_inline]] inline void Outlook::read_load(const Round& round,
                                                      const TargetState& state,
                                                      size_t at) {
    const auto own_prefill = static_cast<float>(state.prefill_tokens.load(kRelaxed));
    own_prefill_tokens_[at] = own_prefill;
    if (!state.has_others()) [[likely]] {
        requests_[at] = static_cast<float>(state.requests.load(kRelaxed));
        decoding_[at] = static_cast<float>(state.decoding.load(kRelaxed));
        prefill_tokens_[at] = own_prefill;
        return;
    }
    const LoadView load = state.load(round.now, round.ask.prompt_tokens);
    requests_[at] = static_cast<float>(load.requests);
    decoding_[at] = static_cast<float>(load.decoding);
    prefill_tokens_[at] = static_cast<float>(load.prefill_tokens);
}

}  // namespace sluice::balance
