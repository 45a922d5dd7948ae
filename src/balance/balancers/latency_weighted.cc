// latency_weighted: where the first token is expected soonest: what the prompt and those before it
// should take, by how many times slower than expected the target has been, and how much slower
// tokens come from it with what it is writing already.
//
// Those within 5 % of the best are drawn from by weight, as the expectation is no better than that.
// A queue counts for its weight: twice the weight, half the queue.
#include <cstddef>

#include "balance/balancer.h"
#include "balance/balancer_table.h"
#include "balance/outlook.h"

namespace sluice::balance {

namespace {

class LatencyWeighted final : public Balancer {
    size_t choose(const Round& round) const override {
        const Outlook outlook(round);
        const Costs costs(round, [&](size_t at) { return outlook.ttft_s(at); });
        return costs.least(round, kBand);
    }

    static constexpr float kBand = 0.05F;
};

}  // namespace

const Balancer& latency_weighted() {
    static constexpr LatencyWeighted kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
