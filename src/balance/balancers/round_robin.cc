// round_robin: in turn, each as often as its weight says. The turn is one number for all shards, so
// that over all of them it is exact.
//
// The turn of a target that may not be used goes to one of the others by weight: the next in the
// sequence would get it always, and carry twice its load.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "balance/balancer.h"
#include "balance/balancer_table.h"
#include "balance/pool.h"
#include "balance/pool_state.h"

namespace sluice::balance {

namespace {

uint16_t take_turn(const Pool& pool) {
    const std::span<const uint16_t> sequence = pool.sequence();
    return sequence[pool.state().turn.fetch_add(1, std::memory_order_relaxed) % sequence.size()];
}

class RoundRobin final : public Balancer {
    size_t choose(const Round& round) const override {
        // Of a large pool the candidates begin with the one whose turn it was, if it may be used.
        if (round.pool.targets().size() > Candidates::kMax) {
            return 0;
        }
        const uint16_t due = take_turn(round.pool);
        const auto found = std::ranges::find(round.candidates, due, &Candidate::index);
        return found != round.candidates.end()
                   ? static_cast<size_t>(found - round.candidates.begin())
                   : draw_by_weight(round);
    }

    size_t nominate(const Round& round, std::span<uint16_t> nominees) const override {
        nominees[0] = take_turn(round.pool);
        return 1;
    }
};

}  // namespace

const Balancer& round_robin() {
    static constexpr RoundRobin kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
