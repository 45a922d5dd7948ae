// consistent_hash: the same target for the same key, with bounded loads: of those that have no more
// tokens in flight than bounded_load_factor times the mean for their weight, the one with the
// highest rendezvous score for the key.
//
// Rendezvous and not a ring: what moves when a target comes or goes is the least that can, weights
// are exact, there is no table to make, and a pool of 64 costs less than a microsecond. The key is
// what ties requests together; without it, the beginning of the prompt.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "balance/balancer.h"
#include "balance/balancer_table.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target_state.h"

namespace sluice::balance {

namespace {

// Blocks that are the prompt's beginning: a kilobyte.
constexpr size_t kBeginning = 4;
// Of a large pool: the best so many are looked at.
constexpr size_t kNominees = 8;

uint64_t key_of(const Ask& ask) {
    if (ask.affinity != 0 || ask.blocks.empty()) {
        return ask.affinity;
    }
    return ask.blocks[std::min(kBeginning, ask.blocks.size()) - 1];
}

uint64_t mixed(uint64_t key, uint64_t name) {
    uint64_t z = key ^ name;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
}

// About the logarithm to base 2 of a number in (0, 1]; what matters is that it grows with it and
// is everywhere the same.
double log2_of(double unit) {
    const auto bits = std::bit_cast<uint64_t>(unit);
    const auto exponent = static_cast<int64_t>(bits >> 52U) - 1023;
    const double m =
        std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL) - 1;
    // Exact at both ends; within 0.001 between.
    const double inner = m * (1 - m) * (0.4427 - m * (0.2474 - m * 0.0834));
    return static_cast<double>(exponent) + m + inner;
}

// -weight / ln(u), as weighted rendezvous has it, but for a constant factor.
double score_of(uint64_t key, uint64_t name, double weight) {
    const double unit = (static_cast<double>(mixed(key, name) >> 11U) + 0.5) * 0x1.0p-53;
    return -weight / log2_of(unit);
}

class ConsistentHash final : public Balancer {
    size_t choose(const Round& round) const override {
        const uint64_t key = key_of(round.ask);
        if (key == 0) {
            return draw_by_weight(round);
        }
        const uint32_t own = round.ask.prompt_tokens + round.ask.output_tokens;
        std::array<double, Candidates::kMax> tokens;
        double all = own;
        double weights = 0;
        for (size_t i = 0; i < round.candidates.size(); ++i) {
            const Target& target = *round.candidates[i].target;
            tokens[i] = target.state->load(round.now, own).kv_tokens;
            all += tokens[i];
            weights += target.weight;
        }
        const double factor = std::max(round.pool.options().bounded_load_factor, 1.0);
        const double bound = factor * all / weights;
        const std::span<const uint64_t> names = round.pool.name_hashes();
        const bool is_weighted = !round.pool.has_equal_weights();
        size_t chosen = 0;
        double highest = -1;
        for (size_t i = 0; i < round.candidates.size(); ++i) {
            const Candidate& candidate = round.candidates[i];
            const double weight = candidate.target->weight;
            if (tokens[i] > bound * weight) {
                continue;  // Never all: one is at the mean or below.
            }
            const uint64_t name = names[candidate.index];
            const double score =
                is_weighted ? score_of(key, name, weight) : static_cast<double>(mixed(key, name));
            if (score > highest) {
                highest = score;
                chosen = i;
            }
        }
        return chosen;
    }

    size_t nominate(const Round& round, std::span<uint16_t> nominees) const override {
        const uint64_t key = key_of(round.ask);
        if (key == 0) {
            return 0;
        }
        struct Scored {
            double score;
            uint16_t index;
        };
        std::array<Scored, kNominees> best;
        size_t count = 0;
        const std::span<const uint64_t> names = round.pool.name_hashes();
        const bool is_weighted = !round.pool.has_equal_weights();
        const std::span<const Target> targets = round.pool.targets();
        const auto lower = [](const Scored& a, const Scored& b) { return a.score > b.score; };
        for (size_t i = 0; i < names.size(); ++i) {
            const double score = is_weighted ? score_of(key, names[i], targets[i].weight)
                                             : static_cast<double>(mixed(key, names[i]));
            if (count == kNominees && score <= best[0].score) {
                continue;
            }
            if (count == kNominees) {
                std::pop_heap(best.begin(), best.end(), lower);
                --count;
            }
            best[count++] = {score, static_cast<uint16_t>(i)};
            std::push_heap(best.begin(), best.begin() + static_cast<ptrdiff_t>(count), lower);
        }
        for (size_t i = 0; i < count; ++i) {
            nominees[i] = best[i].index;
        }
        return count;
    }

    bool wants_blocks(const PoolOptions& options) const override {
        return options.affinity_header.empty();
    }
};

}  // namespace

const Balancer& consistent_hash() {
    static constexpr ConsistentHash kBalancer;
    return kBalancer;
}

}  // namespace sluice::balance
