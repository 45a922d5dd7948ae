// What strategies share.
#include "balance/balancer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "balance/options.h"
#include "balance/target.h"

namespace sluice::balance {

bool Candidates::has(uint16_t index) const {
    return std::ranges::find(items(), index, &Candidate::index) != items().end();
}

size_t Balancer::nominate(const Round&, std::span<uint16_t>) const {
    return 0;
}

bool Balancer::wants_blocks(const PoolOptions&) const {
    return false;
}

size_t draw_by_weight(const Round& round) {
    std::array<uint64_t, Candidates::kMax> below;
    uint64_t sum = 0;
    for (size_t i = 0; i < round.candidates.size(); ++i) {
        sum += round.candidates[i].target->whole_weight;
        below[i] = sum;
    }
    // Weights are 32 bits and candidates 64, so that a double holds the sum exactly.
    const auto drawn = static_cast<uint64_t>(round.prng.unit() * static_cast<double>(sum));
    size_t found = 0;
    while (found + 1 < round.candidates.size() && below[found] <= drawn) {
        ++found;
    }
    return found;
}

size_t Costs::least(const Round& round, double band) const {
    double limit = items_[0];
    for (size_t i = 1; i < size_; ++i) {
        limit = items_[i] < limit ? items_[i] : limit;
    }
    limit *= 1 + band;
    // One draw, from the sums of weights up to each.
    std::array<double, Candidates::kMax> below;
    double sum = 0;
    size_t last = 0;
    for (size_t i = 0; i < size_; ++i) {
        const double weight = round.candidates[i].target->weight;
        const bool is_equal = items_[i] <= limit;
        sum += is_equal ? weight : 0.0;
        last = is_equal ? i : last;
        below[i] = sum;
    }
    const double drawn = round.prng.unit() * sum;
    size_t chosen = 0;
    while (chosen < last && below[chosen] <= drawn) {
        ++chosen;
    }
    return chosen;
}

}  // namespace sluice::balance
