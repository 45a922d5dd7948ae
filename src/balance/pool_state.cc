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
// Of a time that was mostly work: what is left of it is rather the error of the rate.
constexpr double kShareOfWork = 0.01;

}  // namespace

void PoolState::learn_base(double ttft_s, double work_s, Instant now) {
    const bool is_mostly_work = work_s > ttft_s / 2;
    const double sample = std::max(ttft_s - work_s, kBaseLeast);
    base_s.change(now, [&](double base, bool is_known) {
        if (!is_known) {
            return is_mostly_work ? PoolState::kBaseUnknown : sample;
        }
        if (sample < base) {
            return base + (sample - base) * (is_mostly_work ? kShareOfWork : kShareDown);
        }
        // A sample far above says no more than one that is twice as much.
        return is_mostly_work ? base : base + (std::min(sample, 2 * base) - base) * kShareUp;
    });
}

}  // namespace sluice::balance
