// What strategies share.
#include "balance/balancer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "balance/ewma.h"
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
// Targets that differ by less are equal: it is chance.
constexpr double kEqualPace = 1.5;
// Of prompts that wait, so many can have been read since the last first token, in their mean
// length: more, and one that hangs would look idle.
constexpr double kPromptsRead = 2;

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
        sum += round.candidates[i].target->whole_weight;
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

Outlook::Outlook(const Round& round)
    : round_(round),
      failures_(round.now, kFailuresFade),
      idle_(round.now, Duration::milliseconds(round.pool.options().latency_decay_ms * kIdleFactor)),
      base_s_(round.pool.state().base()),
      pool_pace_(round.pool.state().pace.value(1)),
      per_token_inverse_(0),
      decode_s_(round.pool.options().decode_s_per_stream),
      prompt_tokens_(round.ask.prompt_tokens) {
    const double mean = round.pool.state().per_token_s.value(0);
    per_token_inverse_ = mean > 0 ? 1 / mean : 0;
}

double Outlook::failure_factor(const TargetState& state) const {
    if (state.failures.is_empty()) [[likely]] {
        return 1;
    }
    return 1 / (1 - std::min(state.failures.value_now(0, failures_), kFailuresMost));
}

// The pace of its tokens against that of the whole pool.
double Outlook::pace(const TargetState& state) const {
    const double relative = state.per_token_s.value(0) * per_token_inverse_;
    return relative > 0 ? std::clamp(relative, 0.25, 4.0) : 1;
}

double Outlook::reading_s(const TargetState& state) const {
    const int64_t since_ms = state.reading_since_ms.load(std::memory_order_relaxed);
    return static_cast<double>(std::max<int64_t>(ms_of(round_.now) - since_ms, 0)) / 1e3;
}

double Outlook::slowness(const Target& target) const {
    const TargetState& state = *target.state;
    const double pace = state.slowdown.value_now(pool_pace_, idle_) / pool_pace_;
    const double known = pace < kEqualPace && pace * kEqualPace > 1 ? 1 : pace;
    const int64_t waiting = state.prefill_tokens.load(std::memory_order_relaxed);
    if (waiting <= 0) {
        return known;
    }
    // In the time for all that wait, one should have begun.
    const double allowed_s = base_s_ + static_cast<double>(waiting) * target.prefill_s_per_token;
    return std::max(known, reading_s(state) / (allowed_s * pool_pace_));
}

double Outlook::waiting_tokens(const Target& target, const LoadView& load, double slowness) const {
    const double prompts = load.requests - load.decoding;
    if (load.prefill_tokens <= 0 || prompts < 0.5) {
        return load.prefill_tokens;
    }
    const double read = reading_s(*target.state) / (target.prefill_s_per_token * slowness);
    const double most = load.prefill_tokens * std::min(1.0, kPromptsRead / prompts);
    return load.prefill_tokens - std::min(read, most);
}

double Outlook::ttft_s(const Candidate& candidate) const {
    const Target& target = *candidate.target;
    const TargetState& state = *target.state;
    const LoadView load = state.load(round_.now, prompt_tokens_);
    const double uncached = prompt_tokens_ - std::min(candidate.cached_tokens, prompt_tokens_);
    // A queue counts for the target's weight.
    const double slow = slowness(target);
    const double tokens = waiting_tokens(target, load, slow) * target.inverse_weight + uncached;
    const double expected = base_s_ + tokens * target.prefill_s_per_token;
    const double decode = decode_s_ * load.decoding * target.inverse_weight * pace(state);
    return (expected * slow + decode) * failure_factor(state);
}

}  // namespace sluice::balance
