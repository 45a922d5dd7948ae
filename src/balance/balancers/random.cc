// random: each target with a probability by its weight.
#include "balance/balancer.h"
#include "balance/balancer_table.h"

namespace sluice::balance {

namespace {

class Random final : public Balancer {
    size_t choose(const Round& round) const override { return draw_by_weight(round); }
};

}  // namespace

const Balancer& random_by_weight() {
    static constexpr Random kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
