// Weights: what becomes of them in a pool, when it is made and when one is changed at run time.
//
// Shards choose while weights change, so that what is made of them is either one number at a time
// or a whole that is replaced: the sequence of round_robin, of which old ones are kept until nobody
// can be reading them.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <queue>
#include <utility>
#include <vector>

#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/assert.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// Places in the sequence of round_robin; weights that need more are rounded.
constexpr uint64_t kSequenceMax = 65'536;

}  // namespace

void Pool::weigh_targets() {
    double sum = 0;
    bool are_equal = true;
    for (Target& target : targets_) {
        // Whoever has written another weight into the settings since then means that one.
        const bool is_set = target.state->set_weight_over.load(kRelaxed) == target.options.weight;
        const uint32_t set = is_set ? target.state->set_weight.load(kRelaxed) : 0;
        const uint32_t weight = std::max(set != 0 ? set : target.options.weight, 1U);
        target.whole_weight = weight;
        sum += weight;
        are_equal = are_equal && weight == targets_.front().whole_weight;
    }
    const double mean = sum / static_cast<double>(std::max<size_t>(targets_.size(), 1));
    for (Target& target : targets_) {
        target.weight = static_cast<float>(target.whole_weight / mean);
        target.inverse_weight = static_cast<float>(mean / target.whole_weight);
    }
    has_equal_weights_ = are_equal;
    sequences_.push_back(std::make_unique<const Sequence>(make_sequence()));
    sequence_.store(sequences_.back().get(), std::memory_order_release);
}

// Each target is due at equal distances, as often as its weight says, and each begins a little
// later than the one before it: so they interleave instead of coming one after the other.
Pool::Sequence Pool::make_sequence() const {
    uint64_t divisor = 0;
    uint64_t sum = 0;
    for (const Target& target : targets_) {
        divisor = std::gcd(divisor, uint64_t{target.whole_weight});
        sum += target.whole_weight;
    }
    Sequence sequence;
    if (sum == 0) {
        return sequence;
    }
    const double scale = std::min(1 / static_cast<double>(divisor),
                                  static_cast<double>(kSequenceMax) / static_cast<double>(sum));
    struct Due {
        double at;
        uint16_t target;
        bool operator<(const Due& other) const {
            return at != other.at ? at > other.at : target > other.target;
        }
    };
    std::priority_queue<Due> queue;
    std::vector<uint64_t> places(targets_.size());
    uint64_t length = 0;
    for (size_t i = 0; i < targets_.size(); ++i) {
        const double share = targets_[i].whole_weight * scale;
        places[i] = static_cast<uint64_t>(std::max(std::lround(share), 1L));
        length += places[i];
        const double phase = (static_cast<double>(i) + 0.5) / static_cast<double>(targets_.size());
        queue.push({phase / static_cast<double>(places[i]), static_cast<uint16_t>(i)});
    }
    sequence.reserve(length);
    while (sequence.size() < length) {
        const Due next = queue.top();
        queue.pop();
        sequence.push_back(next.target);
        queue.push({next.at + 1 / static_cast<double>(places[next.target]), next.target});
    }
    return sequence;
}

uint64_t Pool::set_weight(size_t target, uint32_t weight) {
    SLUICE_ASSERT(target < targets_.size());
    TargetState& state = *targets_[target].state;
    state.set_weight.store(weight, kRelaxed);
    state.set_weight_over.store(targets_[target].options.weight, kRelaxed);
    weigh_targets();
    return first_sequence_ + sequences_.size() - 1;
}

void Pool::forget_weights_before(uint64_t number) {
    for (; first_sequence_ < number && sequences_.size() > 1; ++first_sequence_) {
        sequences_.pop_front();
    }
}

}  // namespace sluice::balance
