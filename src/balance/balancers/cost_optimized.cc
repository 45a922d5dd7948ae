// cost_optimized: the cheapest of those whose first token is expected within a bound; when there is
// none, the one where it is expected soonest. What has no price comes last.
//
// The bound is what keeps the cheapest from getting everything until it is overrun.
#include <cstddef>
#include <limits>

#include "balance/balancer.h"
#include "balance/balancer_table.h"
#include "balance/outlook.h"
#include "balance/pool.h"

namespace sluice::balance {

namespace {

class CostOptimized final : public Balancer {
    size_t choose(const Round& round) const override {
        const uint32_t bound_ms = round.pool.options().cost_latency_ms_max;
        const float bound_s = bound_ms == 0 ? std::numeric_limits<float>::infinity()
                                            : static_cast<float>(bound_ms) * 1e-3F;
        const Outlook outlook(round);
        const Costs times_s(round, [&](size_t at) { return outlook.ttft_s(at); });
        const Costs costs(round, [&](size_t at) {
            // Costs are within [0, 1], times are above: one that is late is after all others.
            return times_s[at] > bound_s ? kLate + times_s[at]
                                         : cost(round, *round.candidates[at].target);
        });
        return costs.least(round, 0);
    }

    static float cost(const Round& round, const Target& target) {
        const TargetOptions& options = target.options;
        if (options.input_usd_per_million < 0 || options.output_usd_per_million < 0) {
            return kLate;
        }
        const double usd = (round.ask.prompt_tokens * options.input_usd_per_million +
                            (round.ask.output_tokens + 1) * options.output_usd_per_million) /
                           1e6;
        return static_cast<float>(usd / (usd + 1)) * kLate;
    }

    static constexpr float kLate = 1;
};

}  // namespace

const Balancer& cost_optimized() {
    static constexpr CostOptimized kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
