// What strategies share.
#include "balance/balancer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "balance/options.h"
#include "balance/pool.h"
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

// In lanes, as a compiler may not change the order of comparisons by itself.
float Costs::lowest() const {
    constexpr size_t kLanes = 4;
    std::array<float, kLanes> lowest;
    lowest.fill(items_[0]);
    size_t at = 0;
    for (; at + kLanes <= size_; at += kLanes) {
        for (size_t lane = 0; lane < kLanes; ++lane) {
            lowest[lane] = std::min(lowest[lane], items_[at + lane]);
        }
    }
    for (; at < size_; ++at) {
        lowest[0] = std::min(lowest[0], items_[at]);
    }
    return std::ranges::min(lowest);
}

size_t Costs::least(const Round& round, float band) const {
    const float limit = lowest() * (1 + band);
    std::array<uint8_t, Candidates::kMax> equal;
    size_t count = 0;
    for (size_t i = 0; i < size_; ++i) {
        equal[count] = static_cast<uint8_t>(i);
        count += items_[i] <= limit ? 1 : 0;
    }
    if (count <= 1) {
        return equal[0];
    }
    if (round.pool.has_equal_weights()) {
        return equal[round.prng.below(static_cast<uint32_t>(count))];
    }
    // One draw, from the sums of weights up to each.
    std::array<float, Candidates::kMax> below;
    float sum = 0;
    for (size_t i = 0; i < count; ++i) {
        sum += round.candidates[equal[i]].target->weight;
        below[i] = sum;
    }
    const auto drawn = static_cast<float>(round.prng.unit()) * sum;
    size_t found = 0;
    while (found + 1 < count && below[found] <= drawn) {
        ++found;
    }
    return equal[found];
}

}  // namespace sluice::balance
