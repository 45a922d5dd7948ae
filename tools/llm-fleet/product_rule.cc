// One line of arithmetic; ties go to any of the equal ones.
#include "llm-fleet/product_rule.h"

#include <algorithm>
#include <cstddef>

#include "balance/balancer.h"
#include "balance/pool.h"
#include "balance/target_state.h"

namespace sluice::llm_fleet {

size_t ProductRule::choose(const balance::Round& round) const {
    const balance::Costs costs(round, [&](size_t at) {
        const balance::Candidate& candidate = round.candidates[at];
        const balance::LoadView load =
            candidate.target->state->load(round.now, round.ask.prompt_tokens);
        const auto uncached = static_cast<double>(
            round.ask.prompt_tokens - std::min(round.ask.prompt_tokens, candidate.cached_tokens));
        // Requests that wait and those that stream are the batch that it will share.
        return static_cast<float>((load.prefill_tokens + uncached + 1) * (load.requests + 1));
    });
    return costs.least(round, 0);
}

}  // namespace sluice::llm_fleet
