// AdaptiveLimit: how many requests one target should have in flight, found by how the time to its
// first token grows with them; one word for all shards.
//
// Gradient2 of Netflix' concurrency-limits, over slowdowns in place of round-trip times: as a long
// prompt takes longer than a short one, its time alone would look like congestion. The limit falls
// where the slowdown is above what it usually is by half, and grows by a queue of four otherwise.
// What is usual falls fast and rises very slowly: an average would learn the overload as usual.
#pragma once

#include <atomic>
#include <cstdint>

#include "balance/options.h"

namespace sluice::balance {

class AdaptiveLimit {
public:
    // At least one, so that something can be learned.
    uint32_t limit(const AdaptiveLimitOptions& options) const;

    // `in_flight` as it was when the request was sent, itself included.
    void on_sample(double slowdown, uint32_t in_flight, const AdaptiveLimitOptions& options);
    // The target said that it has too much.
    void on_pushback(const AdaptiveLimitOptions& options);

private:
    // A float each: the limit and the usual slowdown; 0 before the first sample.
    std::atomic<uint64_t> word_ = 0;
};

}  // namespace sluice::balance
