// Screening: whether one target may be given a request, and why not.
//
// The order of the questions is that of the answers' worth: a target that could never serve the
// request says less about it than one that could tomorrow, and that less than one that is full.
#pragma once

#include <cstdint>

#include "balance/options.h"
#include "balance/target.h"
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

// Requests that the target may have in flight; UINT32_MAX without a limit.
uint32_t requests_max(const Target& target, const PoolOptions& options);

}  // namespace sluice::balance
