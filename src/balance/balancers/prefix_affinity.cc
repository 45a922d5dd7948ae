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

namespace sluice::balance {

namespace {

// So much cheaper must another one be than the one with the most of the prompt.
constexpr float kHysteresis = 1.05F;

// What is known of the prompt over all candidates.
struct Held {
    uint32_t most_cached = 0;
    float worth = 0;  // Of a token that would have to be read again elsewhere, in tokens.
};

Held look_for(const Round& round) {
    Held held;
    for (const Candidate& candidate : round.candidates) {
        held.most_cached = std::max(held.most_cached, candidate.cached_tokens);
    }
    float holders = 0;
    for (const Candidate& candidate : round.candidates) {
        holders += uint64_t{candidate.cached_tokens} * 2 >= held.most_cached ? 1.0F : 0.0F;
    }
    held.worth = static_cast<float>(round.pool.options().prefill_weight - 1) / (holders * holders);
    return held;
}

class PrefixAffinity final : public Balancer {
    size_t choose(const Round& round) const override {
        const Outlook outlook(round);
        const Held held = look_for(round);
        const auto decode_s = static_cast<float>(round.pool.options().decode_s_per_stream);
        const Costs costs(round, [&](size_t at) {
            const auto cached = round.candidates[at].cached_tokens;
            const float missing = static_cast<float>(held.most_cached - cached);
            const float tokens = outlook.uncached_tokens(at) + held.worth * missing;
            const Outlook::Queue before = outlook.queue(at);
            const float seconds = before.wait_s +
                                  tokens * outlook.s_per_token(at) * before.slowness +
                                  decode_s * outlook.decoding(at);
            return seconds * outlook.failure_factor(at) * std::sqrt(outlook.requests(at) + 1);
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
