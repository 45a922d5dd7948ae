// priority: the first in the order of the settings that can.
#include <algorithm>
#include <numeric>

#include "balance/balancer.h"
#include "balance/balancer_table.h"

namespace sluice::balance {

namespace {

class Priority final : public Balancer {
    size_t choose(const Round& round) const override {
        const auto first = std::ranges::min_element(round.candidates, {}, &Candidate::index);
        return static_cast<size_t>(first - round.candidates.begin());
    }

    size_t nominate(const Round&, std::span<uint16_t> nominees) const override {
        std::iota(nominees.begin(), nominees.end(), uint16_t{0});
        return nominees.size();
    }
};

}  // namespace

const Balancer& priority() {
    static constexpr Priority kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
