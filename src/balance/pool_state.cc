// The base follows the lower part of what it sees, as queues that are not ours only ever add.
#include "balance/pool_state.h"

#include <algorithm>

#include "balance/ewma.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr double kBaseLeast = 0.005;
constexpr double kShareDown = 0.1;
constexpr double kShareUp = 0.02;

}  // namespace

void PoolState::learn_base(double ttft_s, double work_s, Instant now) {
    // Mostly work: what is left is the error of the rate and not the base.
    if (work_s > ttft_s / 2) {
        return;
    }
    const double sample = std::max(ttft_s - work_s, kBaseLeast);
    base_s.change(now, [&](double base, bool is_known) {
        if (!is_known) {
            return sample;
        }
        // A sample far above says no more than one that is twice as much.
        const double difference = std::min(sample, 2 * base) - base;
        return std::max(base + difference * (difference < 0 ? kShareDown : kShareUp), kBaseLeast);
    });
}

}  // namespace sluice::balance
