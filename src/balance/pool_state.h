// PoolState: what all targets of a pool share beside their own states; it outlives reloads.
//
// What a time to first token should be is learned over the whole pool, so that one that is slower
// than the others stands out instead of being what is expected of it.
#pragma once

#include <atomic>
#include <cstdint>

#include "balance/ewma.h"
#include "balance/slowdowns.h"
#include "balance/waiting_room.h"
#include "base/time.h"

namespace sluice::balance {

struct PoolState {
    // Position in the sequence of round_robin.
    alignas(64) std::atomic<uint32_t> turn = 0;
    // Of hedges: prompt tokens that may still be asked for twice, in hundredths.
    alignas(64) std::atomic<int64_t> hedge_credit = 0;

    // Time to first token of a prompt without length, where nothing waits.
    alignas(64) Ewma base_s;
    Ewma per_token_s;  // Between output tokens, over all targets.
    Ewma pace;         // Times to first token by what they should have been, over all targets.
    Ewma expected_s;   // What times to first token should have been.
    Slowdowns slowdowns;
    // Requests that wait for a target, of whatever configuration they began with.
    alignas(64) WaitingRoom room;

    static constexpr double kBaseUnknown = 0.2;
    double base() const { return base_s.value(kBaseUnknown); }
    // A time to first token of which `work_s` was spent on tokens that we know of.
    void learn_base(double ttft_s, double work_s, Instant now);
    // A prompt was sent: so many of a hundred of its tokens may be sent again, of others.
    void earn_hedges(uint32_t prompt_tokens, uint32_t percent);
};

}  // namespace sluice::balance
