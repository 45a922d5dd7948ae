// least_loaded and least_connections: the fewest tokens, or requests, in flight for its weight,
// with the new one there. Equal ones are drawn from.
#include "balance/balancer.h"
#include "balance/balancer_table.h"
#include "balance/outlook.h"
#include "balance/pool.h"
#include "balance/target_state.h"

namespace sluice::balance {

namespace {

class LeastLoaded final : public Balancer {
    bool goes_by_load() const override { return true; }
    size_t choose(const Round& round) const override {
        const uint32_t own = round.ask.prompt_tokens + round.ask.output_tokens;
        const Outlook outlook(round);
        const Costs costs(round, [&](const Candidate& candidate) {
            const TargetState& state = *candidate.target->state;
            const double tokens = state.load(round.now, own).kv_tokens + own + 1;
            return tokens * outlook.failure_factor(state) * candidate.target->inverse_weight;
        });
        return costs.least(round, 0);
    }
};

class LeastConnections final : public Balancer {
    bool goes_by_load() const override { return true; }
    size_t choose(const Round& round) const override {
        const Outlook outlook(round);
        const Costs costs(round, [&](const Candidate& candidate) {
            const TargetState& state = *candidate.target->state;
            const double requests = state.load(round.now, 0).requests + 1;
            return requests * outlook.failure_factor(state) * candidate.target->inverse_weight;
        });
        return costs.least(round, 0);
    }
};

}  // namespace

const Balancer& least_loaded() {
    static constexpr LeastLoaded kBalancer;
    return kBalancer;
}

const Balancer& least_connections() {
    static constexpr LeastConnections kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
