// Bounds are a table, so that adding is a search in it and not a logarithm.
#include "balance/slowdowns.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice::balance {

namespace {

constexpr uint64_t kSamplesMin = 20;
// With more, old ones are worth half.
constexpr uint64_t kSamplesMost = 1'000;
constexpr size_t kBounds = 50;
constexpr auto kUpper = [] {
    std::array<float, kBounds> upper = {};
    double bound = Slowdowns::kLeast;
    for (float& each : upper) {
        bound *= 1.15;
        each = static_cast<float>(bound);
    }
    return upper;
}();

}  // namespace

void Slowdowns::add(double slowdown) {
    const auto* bound =
        std::lower_bound(kUpper.begin(), kUpper.end(), static_cast<float>(slowdown));
    counts_[static_cast<size_t>(bound - kUpper.begin())].fetch_add(1, std::memory_order_relaxed);
}

double Slowdowns::percentile(uint32_t percent) const {
    std::array<uint32_t, kBuckets> counts;
    uint64_t all = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
        counts[i] = counts_[i].load(std::memory_order_relaxed);
        all += counts[i];
    }
    if (all < kSamplesMin) {
        return 0;
    }
    uint64_t below = 0;
    for (size_t i = 0; i < kBounds; ++i) {
        below += counts[i];
        if (below * 100 >= all * percent) {
            return kUpper[i];
        }
    }
    return kMost;
}

void Slowdowns::age() {
    uint64_t all = 0;
    for (const std::atomic<uint32_t>& count : counts_) {
        all += count.load(std::memory_order_relaxed);
    }
    if (all < kSamplesMost) {
        return;
    }
    for (std::atomic<uint32_t>& count : counts_) {
        uint32_t seen = count.load(std::memory_order_relaxed);
        while (!count.compare_exchange_weak(seen, seen / 2, std::memory_order_relaxed)) {
        }
    }
}

}  // namespace sluice::balance
