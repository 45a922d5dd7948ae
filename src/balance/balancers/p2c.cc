// p2c: of two different targets, drawn by weight, the one with fewer tokens in flight for its
// weight.

#include "balance/balancer.h"
#include "balance/balancer_table.h"
#include "balance/outlook.h"
#include "balance/pool.h"
#include "balance/target_state.h"

namespace sluice::balance {

namespace {

class P2c final : public Balancer {
    size_t choose(const Round& round) const override {
        const size_t first = draw_by_weight(round);
        // The second is drawn from the others: again, and in the end from a random place on.
        size_t second = first;
        for (int i = 0; i < kDraws && second == first; ++i) {
            second = draw_by_weight(round);
        }
        if (second == first) {
            const auto count = static_cast<uint32_t>(round.candidates.size());
            second = (first + 1 + round.prng.below(count - 1)) % count;
        }
        const double first_load = load(round, first);
        const double second_load = load(round, second);
        return second_load < first_load ? second : first;
    }

    static double load(const Round& round, size_t at) {
        const uint32_t own = round.ask.prompt_tokens + round.ask.output_tokens;
        const Reliability reliability(round.now);
        const Target& target = *round.candidates[at].target;
        const double tokens = target.state->load(round.now, own).kv_tokens + own + 1;
        return tokens * reliability.factor(*target.state) * target.inverse_weight;
    }

    static constexpr int kDraws = 4;
};

}  // namespace

const Balancer& p2c() {
    static constexpr P2c kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
