// Outlook: what strategies read of targets, with what is the same for all of them in one choice
// worked out once.
//
// In the header, as it is the work of a choice: it is done for each candidate, and a call would be
// a third of it. Lives on the stack of one choice.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "balance/balancer.h"
#include "balance/ewma.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::balance {

class Outlook {
public:
    explicit Outlook(const Round& round);

    // Load times this: a target that fails often is as good as a busier one.
    double failure_factor(const TargetState& state) const;
    // What stands before a prompt at one target.
    struct Queue {
        // How many times slower than the others it is: by its first tokens, which are forgotten
        // slowly while nothing is heard of it, and by how overdue the next one is.
        double slowness;
        // For prompts that wait there, without what it must have read since its last first token;
        // twice the weight, half the wait.
        double wait_s;
    };
    Queue queue(const Target& target, const LoadView& load) const;
    // Expected seconds to the first token.
    double ttft_s(const Candidate& candidate) const;

private:
    // A target that fails always is still better than one ten times as busy; one in a thousand is
    // nothing.
    static constexpr double kFailuresMost = 0.9;
    static constexpr double kFailuresLeast = 0.001;
    // Targets that differ by less are equal: it is chance.
    static constexpr double kEqualPace = 1.5;
    // Of prompts that wait, so many can have been read since the last first token, in their mean
    // length: more, and one that hangs would look idle.
    static constexpr double kPromptsRead = 2;

    double pace(const TargetState& state) const;

    Instant now_;
    int64_t now_ms_;
    Fading failures_;
    Fading idle_;
    double base_s_;
    double pool_pace_;
    double pool_pace_inverse_;
    double per_token_inverse_;  // Of the pool's mean; 0 when it is not known.
    double decode_s_;
    uint32_t prompt_tokens_;
};

inline double Outlook::failure_factor(const TargetState& state) const {
    if (state.failures.value(0) < kFailuresLeast) [[likely]] {
        return 1;
    }
    return 1 / (1 - std::min(state.failures.value_now(0, failures_), kFailuresMost));
}

// The pace of its tokens against that of the whole pool.
inline double Outlook::pace(const TargetState& state) const {
    const double relative = state.per_token_s.value(0) * per_token_inverse_;
    return relative > 0 ? std::clamp(relative, 0.25, 4.0) : 1;
}

inline Outlook::Queue Outlook::queue(const Target& target, const LoadView& load) const {
    const TargetState& state = *target.state;
    const double pace = state.slowdown.value_now(pool_pace_, idle_) * pool_pace_inverse_;
    double slowness = pace < kEqualPace && pace * kEqualPace > 1 ? 1 : pace;
    if (load.prefill_tokens <= 0) {
        return {.slowness = slowness, .wait_s = 0};
    }
    const int64_t since_ms = now_ms_ - state.reading_since_ms.load(std::memory_order_relaxed);
    const double reading_s = static_cast<double>(std::max<int64_t>(since_ms, 0)) * 1e-3;
    if (const int64_t ours = state.prefill_tokens.load(std::memory_order_relaxed); ours > 0) {
        // In the time for all that wait, one should have begun.
        const double allowed_s =
            (base_s_ + static_cast<double>(ours) * target.prefill_s_per_token) * pool_pace_;
        if (reading_s > allowed_s * slowness) [[unlikely]] {
            slowness = reading_s / allowed_s;
        }
    }
    const double all_s = load.prefill_tokens * target.prefill_s_per_token * slowness;
    const double prompts = load.requests - load.decoding;
    double read_s = reading_s;
    if (reading_s * std::max(prompts, kPromptsRead) > all_s * kPromptsRead) [[unlikely]] {
        read_s = all_s * std::min(1.0, kPromptsRead / prompts);
    }
    if (prompts < 0.5) [[unlikely]] {
        read_s = 0;
    }
    return {.slowness = slowness, .wait_s = (all_s - read_s) * target.inverse_weight};
}

inline double Outlook::ttft_s(const Candidate& candidate) const {
    const Target& target = *candidate.target;
    const TargetState& state = *target.state;
    const LoadView load = state.load(now_, prompt_tokens_);
    const double uncached = prompt_tokens_ - std::min(candidate.cached_tokens, prompt_tokens_);
    const Queue before = queue(target, load);
    const double own_s = (base_s_ + uncached * target.prefill_s_per_token) * before.slowness;
    const double decode =
        load.decoding > 0 ? decode_s_ * load.decoding * target.inverse_weight * pace(state) : 0.0;
    return (own_s + before.wait_s + decode) * failure_factor(state);
}

}  // namespace sluice::balance
