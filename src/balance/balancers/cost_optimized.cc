// cost_optimized: the cheapest of those whose first token is expected within a bound; when there is
// none, the one where it is expected soonest. What has no price comes last.
//
// The bound is what keeps the cheapest from getting everything until it is overrun.
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
        const double bound_s = bound_ms == 0 ? std::numeric_limits<double>::infinity()
                                             : static_cast<double>(bound_ms) / 1e3;
        const Outlook outlook(round);
        const Costs costs(round, [&](const Candidate& candidate) {
            const double ttft_s = outlook.ttft_s(candidate);
            // Costs are within [0, 1], times are above: one that is late is after all others.
            return ttft_s > bound_s ? kLate + ttft_s : cost(round, *candidate.target);
        });
        return costs.least(round, 0);
    }

    static double cost(const Round& round, const Target& target) {
        const TargetOptions& options = target.options;
        if (options.input_usd_per_million < 0 || options.output_usd_per_million < 0) {
            return kLate;
        }
        const double usd = (round.ask.prompt_tokens * options.input_usd_per_million +
                            (round.ask.output_tokens + 1) * options.output_usd_per_million) /
                           1e6;
        return usd / (usd + 1) * kLate;
    }

    static constexpr double kLate = 1e6;
};

}  // namespace

const Balancer& cost_optimized() {
    static constexpr CostOptimized kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
