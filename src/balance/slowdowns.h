// Slowdowns: how often times to first token were so many times what was expected; for percentiles.
//
// Counts in buckets whose bounds grow by 15 %, from a tenth to a hundred. All shards add; whoever
// judges the pool lets old ones fade.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice::balance {

class Slowdowns {
public:
    static constexpr double kLeast = 0.1;
    static constexpr double kMost = 100;

    void add(double slowdown);
    // Upper bound of the bucket that so many of a hundred lie below; 0 with fewer than 20 samples.
    double percentile(uint32_t percent) const;
    // Halves the counts once there are many.
    void age();

private:
    static constexpr size_t kBuckets = 51;
    std::array<std::atomic<uint32_t>, kBuckets> counts_ = {};
};

}  // namespace sluice::balance
