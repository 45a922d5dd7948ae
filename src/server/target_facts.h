// What is known of one target, in words that people and programs read: for the admin API, and for
// metrics. Read from atomics that shards write meanwhile; each number is right, their sum may be
// off by a request. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "base/time.h"

namespace sluice::server {

// By the first reason for which it gets nothing new, or not its full share.
enum class TargetStanding : uint8_t {
    ok,
    drained,
    forced_open,
    unhealthy,
    open,       // Its breaker.
    half_open,  // Likewise.
    ejected,
    resting,
    starting,  // It has not its full share yet.
};

TargetStanding standing_of(const balance::Target& target,
                           const balance::PoolOptions& options,
                           Instant now);
std::string_view name_of(TargetStanding standing);

std::string_view name_of(balance::Mode mode);
std::optional<balance::Mode> mode_named(std::string_view name);

// Requests could go there as far as people and active checks say. What passes by itself (breakers,
// ejections, rests) is another matter: it passes with requests only.
bool is_in_service(const balance::Target& target);

}  // namespace sluice::server
