// In the order in which a choice looks at them; see balance/screening.cc.
#include "server/target_facts.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

#include "balance/circuit_breaker.h"
#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::server {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::string_view kModes[] = {"active", "drained", "forced_open", "forced_closed"};
constexpr std::string_view kStandings[] = {"ok",        "drained", "forced_open",
                                           "unhealthy", "open",    "half_open",
                                           "ejected",   "resting", "starting"};

}  // namespace

TargetStanding standing_of(const balance::Target& target,
                           const balance::PoolOptions& options,
                           Instant now) {
    const balance::TargetState& state = *target.state;
    const int64_t now_ms = balance::ms_of(now);
    const balance::Mode mode = state.mode.load(kRelaxed);
    if (mode == balance::Mode::drained) {
        return TargetStanding::drained;
    }
    if (mode == balance::Mode::forced_open) {
        return TargetStanding::forced_open;
    }
    if (mode == balance::Mode::active) {
        const auto breaker = state.breaker.status().state;
        if (!state.is_healthy.load(kRelaxed)) {
            return TargetStanding::unhealthy;
        }
        if (options.breaker.enabled && breaker != balance::CircuitBreaker::State::closed) {
            return breaker == balance::CircuitBreaker::State::open ? TargetStanding::open
                                                                   : TargetStanding::half_open;
        }
        if (options.outliers.enabled && state.ejected_until_ms.load(kRelaxed) > now_ms) {
            return TargetStanding::ejected;
        }
    }
    if (state.resting_until_ms.load(kRelaxed) > now_ms) {
        return TargetStanding::resting;
    }
    return state.ramp(options.slow_start_ms, now) < 1 ? TargetStanding::starting
                                                      : TargetStanding::ok;
}

std::string_view name_of(TargetStanding standing) {
    return kStandings[static_cast<size_t>(standing)];
}

std::string_view name_of(balance::Mode mode) {
    return kModes[static_cast<size_t>(mode)];
}

std::optional<balance::Mode> mode_named(std::string_view name) {
    const auto* const found = std::ranges::find(kModes, name);
    return found == std::end(kModes)
               ? std::nullopt
               : std::optional(static_cast<balance::Mode>(found - std::begin(kModes)));
}

bool is_in_service(const balance::Target& target) {
    const balance::Mode mode = target.state->mode.load(kRelaxed);
    return mode == balance::Mode::forced_closed ||
           (mode == balance::Mode::active && target.state->is_healthy.load(kRelaxed));
}

}  // namespace sluice::server
