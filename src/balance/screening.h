// Screening: whether one target may be given a request, and why not.
//
// The order of the questions is that of the answers' worth: a target that could never serve the
// request says less about it than one that could tomorrow, and that less than one that is full.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "balance/options.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::balance {

struct Ask;

enum class Fitness : uint8_t { incapable, too_long, tried, resting, no_room, probe, fit };

struct Screened {
    Fitness fitness = Fitness::fit;
    Instant back;  // Of resting ones: when they may be used again; not set when it is not known.
};

// In a panic, breakers and ejections are as if they were not.
Screened screen(const Target& target,
                uint16_t index,
                const Ask& ask,
                const PoolOptions& options,
                bool is_panic,
                Instant now);

// Whether it is fit at first sight, as nearly all are: what it has no limits for, and what nobody
// has said anything against. Those that are not must be screened.
inline bool is_plainly_fit(const Target& target, uint32_t needs, int64_t now_ms) {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    const TargetState& state = *target.state;
    const int64_t until_ms =
        std::max(state.resting_until_ms.load(kRelaxed), state.ejected_until_ms.load(kRelaxed));
    return (needs & ~target.capabilities) == 0 && !target.is_limited &&
           state.mode.load(kRelaxed) == Mode::active && state.is_healthy.load(kRelaxed) &&
           state.breaker.is_closed() && until_ms <= now_ms;
}

// Requests that the target may have in flight; UINT32_MAX without a limit.
uint32_t requests_max(const Target& target, const PoolOptions& options);

}  // namespace sluice::balance
