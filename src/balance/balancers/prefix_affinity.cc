// prefix_affinity: the least cost in seconds of reading what is not in the target's cache, behind
// what it reads already and beside what it writes:
//
//     cost = ((waiting + uncached + worth) / rate + decode_s_per_stream * decoding)
//            * sqrt(requests + 1)
//     worth = (prefill_weight - 1) * (most cached anywhere - cached) / holders^2
//
// Leaving a target that has the prompt because its queue is long is the same comparison, made for
// each request by itself. The worth is that of keeping a conversation in one place; text that
// several have has found more than one place already, and spreads. The root prefers, of two queues
// of equal tokens, the one of fewer requests: fewer people wait behind a long prompt.
// The rate is the one that was set, divided by how much slower than the others the target is.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "balance/balancer.h"
#include "balance/balancer_table.h"
#include "balance/options.h"
#include "balance/outlook.h"
#include "balance/pool.h"
#include "balance/target_state.h"

namespace sluice::balance {

namespace {

// So much cheaper must another one be than the one with the most of the prompt.
constexpr double kHysteresis = 1.05;

// What is known of the prompt over all candidates.
struct Held {
    uint32_t most_cached = 0;
    double worth = 0;  // Of a token that would have to be read again elsewhere, in tokens.
};

Held look_for(const Round& round) {
    Held held;
    for (const Candidate& candidate : round.candidates) {
        held.most_cached = std::max(held.most_cached, candidate.cached_tokens);
    }
    double holders = 0;
    for (const Candidate& candidate : round.candidates) {
        holders += uint64_t{candidate.cached_tokens} * 2 >= held.most_cached ? 1 : 0;
    }
    held.worth = (round.pool.options().prefill_weight - 1) / (holders * holders);
    return held;
}

double cost_of(const Round& round,
               const Outlook& outlook,
               const Held& held,
               const Candidate& candidate) {
    const Target& target = *candidate.target;
    const TargetState& state = *target.state;
    const uint32_t prompt = round.ask.prompt_tokens;
    const LoadView load = state.load(round.now, prompt);
    const double uncached = prompt - std::min(candidate.cached_tokens, prompt);
    const Outlook::Queue before = outlook.queue(target, load);
    const double tokens = uncached + held.worth * (held.most_cached - candidate.cached_tokens);
    const double decoding = load.decoding * target.inverse_weight;
    const double seconds = before.wait_s + tokens * target.prefill_s_per_token * before.slowness +
                           round.pool.options().decode_s_per_stream * decoding;
    return seconds * outlook.failure_factor(state) *
           std::sqrt(load.requests * target.inverse_weight + 1);
}

class PrefixAffinity final : public Balancer {
    size_t choose(const Round& round) const override {
        const Outlook outlook(round);
        const Held held = look_for(round);
        const Costs costs(round, [&](const Candidate& candidate) {
            return cost_of(round, outlook, held, candidate);
        });
        size_t home = round.candidates.size();
        for (size_t i = 0; held.most_cached > 0 && i < round.candidates.size(); ++i) {
            const bool is_home = round.candidates[i].cached_tokens == held.most_cached;
            if (is_home && (home == round.candidates.size() || costs[i] < costs[home])) {
                home = i;
            }
        }
        const size_t best = costs.least(round, 0);
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
