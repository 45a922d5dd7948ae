// The six rates in the order of LimitName, and where their windows lie.
#include "access/scope_limits.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "access/budget.h"
#include "access/gcra.h"
#include "access/options.h"
#include "base/time.h"

namespace sluice::access {

namespace {

constexpr std::array<std::string_view, kLimitCount> kLimitNames = {
    "requests_per_minute", "requests_per_hour", "requests_per_day", "tokens_per_minute",
    "tokens_per_hour",     "tokens_per_day",    "concurrency",      "budget"};

// How long before `now` the running hour or day began, as a point on the monotonic clock.
Duration phase_of(Instant now, int64_t unix_ms, Duration period) {
    const int64_t since_ms = (unix_ms % period.ms() + period.ms()) % period.ms();
    const int64_t began_ms = (now - Instant{}).ms() - since_ms;
    return Duration::milliseconds((began_ms % period.ms() + period.ms()) % period.ms());
}

}  // namespace

std::string_view scope_kind_name(ScopeKind kind) {
    constexpr std::string_view kNames[] = {"gateway", "tenant", "key",
                                           "route",   "model",  "provider"};
    return kNames[static_cast<size_t>(kind)];
}

std::string_view limit_name(LimitName name) {
    return kLimitNames[static_cast<size_t>(name)];
}

WindowPhases window_phases(Instant now, int64_t unix_ms) {
    return {.hour = phase_of(now, unix_ms, length_of(RatePeriod::hour)),
            .day = phase_of(now, unix_ms, length_of(RatePeriod::day))};
}

ScopeLimits::ScopeLimits(ScopeKind kind, std::string_view name, const WindowPhases& phases)
    : rates_{Gcra(RatePeriod::minute, RateSpread::smooth),
             Gcra(RatePeriod::hour, RateSpread::window, phases.hour),
             Gcra(RatePeriod::day, RateSpread::window, phases.day),
             Gcra(RatePeriod::minute, RateSpread::smooth),
             Gcra(RatePeriod::hour, RateSpread::window, phases.hour),
             Gcra(RatePeriod::day, RateSpread::window, phases.day)},
      kind_(kind),
      name_(name) {}

void ScopeLimits::configure(const LimitOptions& limits,
                            const BudgetOptions& budget,
                            Instant now,
                            int64_t unix_s) {
    const std::array<RateShape, kRateCount> shapes = {{
        {limits.requests_per_minute, limits.requests_burst},
        {limits.requests_per_hour},
        {limits.requests_per_day},
        {limits.tokens_per_minute, limits.tokens_burst},
        {limits.tokens_per_hour},
        {limits.tokens_per_day},
    }};
    unsigned in_force = 0;
    for (size_t i = 0; i < kRateCount; ++i) {
        rates_[i].configure(shapes[i], now);
        in_force |= shapes[i].limit > 0 ? 1U << i : 0U;
    }
    concurrency_.configure(limits.concurrency_max);
    in_force |= limits.concurrency_max > 0 ? bit_of(LimitName::concurrency) : 0U;
    budget_.configure(budget, unix_s);
    in_force |= budget_.is_limited() ? bit_of(LimitName::budget) : 0U;
    in_force_.store(static_cast<LimitMask>(in_force), std::memory_order_release);
}

bool ScopeLimits::is_idle(Instant now, int64_t unix_s) {
    for (const Gcra& rate : rates_) {
        if (!rate.is_full(now)) {
            return false;
        }
    }
    const BudgetStatus money = budget_.status(unix_s);
    return concurrency_.in_flight() == 0 && money.spent_picodollars == 0 &&
           money.reserved_picodollars == 0;
}

}  // namespace sluice::access
