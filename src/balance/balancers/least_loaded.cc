// least_loaded and least_connections: the fewest tokens, or requests, in flight for its weight,
// with the new one there. Equal ones are drawn from.
#include <cstddef>

#include "balance/balancer.h"
#include "balance/balancer_table.h"
#include "balance/outlook.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"

namespace sluice::balance {

namespace {

class LeastLoaded final : public Balancer {
    bool goes_by_load() const override { return true; }
    size_t choose(const Round& round) const override {
        const uint32_t own = round.ask.prompt_tokens + round.ask.output_tokens;
        const Reliability reliability(round.now);
        const Costs costs(round, [&](size_t at) {
            const Target& target = *round.candidates[at].target;
            const TargetState& state = *target.state;
            const double tokens = state.load(round.now, own).kv_tokens + own + 1;
            return static_cast<float>(tokens * reliability.factor(state)) * target.inverse_weight;
        });
        return costs.least(round, 0);
    }
};

class LeastConnections final : public Balancer {
    bool goes_by_load() const override { return true; }
    size_t choose(const Round& round) const override {
        const Reliability reliability(round.now);
        const Costs costs(round, [&](size_t at) {
            const Target& target = *round.candidates[at].target;
            const TargetState& state = *target.state;
            const double requests = state.load(round.now, 0).requests + 1;
            return static_cast<float>(requests * reliability.factor(state)) * target.inverse_weight;
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
