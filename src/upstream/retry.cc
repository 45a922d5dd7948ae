// Full jitter, as published by AWS; a token bucket, as in finagle.
#include "upstream/retry.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/time.h"
#include "upstream/options.h"

namespace sluice::upstream {

namespace {

constexpr int64_t kWhole = 1'000'000;
// What is saved up while nothing fails: this much of the floor, and a handful without a floor.
constexpr int64_t kSavedS = 10;
constexpr int64_t kSavedMin = 10 * kWhole;

}  // namespace

Duration back_off(const RetryOptions& options, uint32_t retries, double unit) {
    const double grown = options.initial_ms * std::pow(options.multiplier, retries);
    const double ceiling_ms = std::min<double>(grown, options.wait_ms_max);
    return Duration::microseconds(static_cast<int64_t>(ceiling_ms * 1000 * unit));
}

RetryBudget::RetryBudget(const RetryOptions& options)
    : deposit_(options.budget_percent * (kWhole / 100)),
      per_s_(options.budget_per_s_min * kWhole),
      balance_max_(std::max(per_s_ * kSavedS, kSavedMin)),
      balance_(per_s_ * kSavedS) {}

void RetryBudget::add(int64_t amount) {
    balance_ = std::min(balance_ + amount, balance_max_);
}

bool RetryBudget::take(Instant now) {
    if (refilled_.is_set() && now > refilled_) {
        // More than this fills it in any case.
        const Duration elapsed = std::min(now - refilled_, Duration::seconds(kSavedS));
        add(elapsed.us() * per_s_ / 1'000'000);
    }
    refilled_ = now;
    if (balance_ < kWhole) {
        return false;
    }
    balance_ -= kWhole;
    return true;
}

}  // namespace sluice::upstream
