// One seed of the simulation of the cache: drawn shards, options and askers, and what must hold.
#pragma once

#include <cstdint>

#include "sim/run_result.h"

namespace sluice::sim {

// Mistakes that a user of the cache could make; the checks have to find each.
enum class CacheBug : uint8_t {
    none,
    keeps_what_was_cut,  // Finishes an answer whose upstream failed.
    forgets_the_tenant,  // Leaves the tenant out of the key.
    never_ends,          // Leads, and neither finishes nor fails.
    skips_a_piece,       // Takes from a joined answer and loses some of it.
};
inline constexpr uint8_t kCacheBugs = 5;
const char* cache_bug_name(CacheBug bug);

RunResult run_cache(uint64_t seed, CacheBug bug = CacheBug::none);

}  // namespace sluice::sim
