// prefix_affinity: the least cost in seconds of reading what is not in the target's cache, behind
// what it reads already and beside what it writes:
//
//     cost = (prefill_pending + prefill_weight * uncached) / rate + decode_s_per_stream * decoding
//
// Leaving a target that has the prompt because its queue is long is the same comparison, made for
// each request by itself; whoever gets it is known to have it from then on, so a prompt that many
// share spreads. A prefill_weight above 1 is the worth of keeping a conversation in one place.
// The rate is the one that was set, divided by how much slower than expected the target is.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "balance/balancer.h"
#include "balance/balancer_table.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target_state.h"

namespace sluice::balance {

namespace {

// So much cheaper must another one be than the one with the most of the prompt.
constexpr double kHysteresis = 1.05;

double cost_of(const Round& round, const Outlook& outlook, const Candidate& candidate) {
    const Target& target = *candidate.target;
    const TargetState& state = *target.state;
    const PoolOptions& options = round.pool.options();
    const uint32_t prompt = round.ask.prompt_tokens;
    const LoadView load = state.load(round.now, prompt);
    const double uncached = prompt - std::min(candidate.cached_tokens, prompt);
    const double tokens =
        load.prefill_tokens * target.inverse_weight + options.prefill_weight * uncached;
    const double decoding = load.decoding * target.inverse_weight;
    const double seconds = tokens * target.prefill_s_per_token * outlook.slowness(state) +
                           options.decode_s_per_stream * decoding;
    return seconds * outlook.failure_factor(state);
}

class PrefixAffinity final : public Balancer {
    size_t choose(const Round& round) const override {
        std::array<double, Candidates::kMax> costs;
        const Outlook outlook(round);
        uint32_t most_cached = 0;
        for (size_t i = 0; i < round.candidates.size(); ++i) {
            costs[i] = cost_of(round, outlook, round.candidates[i]);
            most_cached = std::max(most_cached, round.candidates[i].cached_tokens);
        }
        size_t home = round.candidates.size();
        for (size_t i = 0; most_cached > 0 && i < round.candidates.size(); ++i) {
            const bool is_home = round.candidates[i].cached_tokens == most_cached;
            if (is_home && (home == round.candidates.size() || costs[i] < costs[home])) {
                home = i;
            }
        }
        const size_t best = least(round, 0, [&](const Candidate& candidate) {
            return costs[static_cast<size_t>(&candidate - round.candidates.data())];
        });
        const bool stays =
            home < round.candidates.size() && costs[home] <= costs[best] * kHysteresis;
        return stays && costs[best] < costs[home] ? home : best;
    }

    bool wants_blocks(const PoolOptions&) const override { return true; }
};

}  // namespace

const Balancer& prefix_affinity() {
    static constexpr PrefixAffinity kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
