// Outlook: what the strategies by latency and by prefix expect of the candidates of one choice.
//
// In columns, and without branches where one can be done without, so that the compiler works out
// four candidates at once: to look at all of a small pool is better than to draw two of them, and
// has to be about as cheap. Lives on the stack of one choice.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "balance/balancer.h"
#include "balance/ewma.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::balance {

// How often targets fail, as strategies count it.
class Reliability {
public:
    explicit Reliability(Instant now) : fading_(now, kFade) {}

    // Load times this: a target that fails often is as good as a busier one.
    double factor(const TargetState& state) const {
        if (state.failures.value(0) < kFailuresLeast) [[likely]] {
            return 1;
        }
        const double failures = state.failures.value_now(0, fading_);
        return failures < kFailuresLeast ? 1 : 1 / (1 - std::min(failures, kFailuresMost));
    }

private:
    static constexpr Duration kFade = Duration::seconds(30);
    // A target that fails always is still better than one ten times as busy. One in a hundred is
    // nothing, or an old fault would lose every tie.
    static constexpr double kFailuresMost = 0.9;
    static constexpr double kFailuresLeast = 0.01;

    Fading fading_;
};

class Outlook {
public:
    explicit Outlook(const Round& round);

    // What stands before a prompt at one target.
    struct Queue {
        // How many times slower than the others it is: by its first tokens, which are forgotten
        // slowly while nothing is heard of it, and by how overdue the next one is.
        float slowness;
        // For prompts that wait there, without what it must have read since its last first token;
        // twice the weight, half the wait.
        float wait_s;
    };

    // Of the candidate at a position of the round.
    Queue queue(size_t at) const;
    // Expected seconds to the first token.
    float ttft_s(size_t at) const;
    // In flight there, for its weight.
    float requests(size_t at) const { return requests_[at] * inverse_weight_[at]; }
    float decoding(size_t at) const { return std::max(decoding_[at], 0.0F) * inverse_weight_[at]; }
    float uncached_tokens(size_t at) const { return static_cast<float>(uncached_tokens_[at]); }
    // Of reading a token of a prompt, as it was set or is assumed.
    float s_per_token(size_t at) const { return s_per_token_[at]; }
    float failure_factor(size_t at) const { return failure_factor_[at]; }

private:
    // Only those of candidates are written.
    template <typename T>
    using Column = std::array<T, Candidates::kMax>;

    // Targets that differ by less are equal: it is chance.
    static constexpr float kEqualPace = 1.5;
    // Of prompts that wait, so many can have been read since the last first token, in their mean
    // length: more, and one that hangs would look idle.
    static constexpr float kPromptsRead = 2;

    void read(const Round& round, size_t at);
    void read_load(const Round& round, const TargetState& state, size_t at);
    float pace(size_t at) const;
    // Clocks of other shards may have been read a little later: then 0.
    float ms_since(uint32_t then_ms) const {
        return static_cast<float>(std::max(static_cast<int32_t>(now_ms_ - then_ms), 0));
    }
    // Likewise, to two milliseconds, of what may be weeks old; up to 49 days.
    float long_ms_since(uint32_t then_ms) const {
        const uint32_t halves = (now_ms_ - then_ms + Ewma::kAheadMs) / 2;
        const auto ms = static_cast<float>(static_cast<int32_t>(halves)) * 2;
        return std::max(ms - static_cast<float>(Ewma::kAheadMs), 0.0F);
    }

    uint32_t now_ms_;
    Reliability reliability_;
    float fading_per_ms_;
    float base_s_;
    float pool_pace_;
    float pool_pace_inverse_;
    float per_token_inverse_;  // Of the pool's mean; 0 when it is not known.
    float decode_s_;

    Column<float> requests_;
    Column<float> decoding_;
    Column<float> prefill_tokens_;       // Of all that wait there,
    Column<float> own_prefill_tokens_;   // and of ours.
    Column<int32_t> uncached_tokens_;    // Of the prompt that is to be placed.
    Column<uint32_t> reading_since_ms_;  // The last first token, or the first prompt that waits.
    Column<uint32_t> slowdown_at_ms_;
    Column<float> slowdown_;
    Column<float> per_token_s_;
    Column<float> s_per_token_;
    Column<float> inverse_weight_;
    Column<float> failure_factor_;
};

// The pace of its tokens against that of the whole pool.
inline float Outlook::pace(size_t at) const {
    const float relative = per_token_s_[at] * per_token_inverse_;
    const float bounded = std::min(std::max(relative, 0.25F), 4.0F);
    return relative > 0 ? bounded : 1;
}

inline Outlook::Queue Outlook::queue(size_t at) const {
    const float own = slowdown_[at] > 0 ? slowdown_[at] - pool_pace_ : 0;
    const float pace =
        (pool_pace_ + own * fade(long_ms_since(slowdown_at_ms_[at]) * fading_per_ms_)) *
        pool_pace_inverse_;
    const bool is_equal = (pace < kEqualPace) & (pace * kEqualPace > 1);
    // In the time for all of ours that wait, one should have begun.
    const float reading_s = ms_since(reading_since_ms_[at]) * 1e-3F;
    const float allowed_s = (base_s_ + own_prefill_tokens_[at] * s_per_token_[at]) * pool_pace_;
    const float overdue = own_prefill_tokens_[at] > 0 ? reading_s / allowed_s : 0;
    const float slowness = std::max(is_equal ? 1 : pace, overdue);
    const float all_s = std::max(prefill_tokens_[at], 0.0F) * s_per_token_[at] * slowness;
    const float prompts = requests_[at] - decoding_[at];
    const float readable_s = all_s * (kPromptsRead / std::max(prompts, kPromptsRead));
    const float read_s = prompts < 0.5F ? 0 : std::min(reading_s, readable_s);
    return {.slowness = slowness, .wait_s = (all_s - read_s) * inverse_weight_[at]};
}

inline float Outlook::ttft_s(size_t at) const {
    const Queue before = queue(at);
    const float own_s = (base_s_ + uncached_tokens(at) * s_per_token_[at]) * before.slowness;
    return (own_s + before.wait_s + decode_s_ * decoding(at) * pace(at)) * failure_factor_[at];
}

}  // namespace sluice::balance
