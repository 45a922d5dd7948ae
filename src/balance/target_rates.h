// TargetRates: what a provider lets through to one target each minute, so that a pool spills over
// or waits instead of being refused.
//
// Counted over all shards, by the limits of room access; exact. Tokens are taken by estimate with
// the charge and put right at its end. Any shard; configure() is the thread's that makes pools.
#pragma once

#include <cstdint>

#include "access/gcra.h"
#include "balance/options.h"
#include "base/time.h"

namespace sluice::balance {

class TargetRates {
public:
    // What was used stays used.
    void configure(const TargetOptions& options, Instant now);

    // Until there is room for a request of so many tokens; zero when there is.
    Duration wait(const TargetOptions& options, uint64_t tokens, Instant now) const;
    // Takes both, or none of them and returns false.
    bool take(const TargetOptions& options, uint64_t tokens, Instant now);
    // `used` instead of the `taken` tokens of a take at `began`.
    void correct_tokens(
        const TargetOptions& options, uint64_t taken, uint64_t used, Instant began, Instant now);
    // The request was never sent.
    void give_back(const TargetOptions& options, uint64_t taken, Instant began);

private:
    // More than a minute's share waits for all of it, and not for ever.
    static int64_t bounded(const TargetOptions& options, uint64_t tokens);

    access::Gcra requests_{access::RatePeriod::minute, access::RateSpread::smooth};
    access::Gcra tokens_{access::RatePeriod::minute, access::RateSpread::smooth};
};

}  // namespace sluice::balance
