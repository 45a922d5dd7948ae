// Everything is a read; what must be exact, a probe or a place under a limit, is taken by the
// charge.
#include "balance/screening.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "balance/circuit_breaker.h"
#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// Somebody probes at this moment: it is worth asking again soon.
constexpr Duration kProbePatience = Duration::seconds(1);

bool is_tried(const Ask& ask, uint16_t index) {
    return !ask.tried.empty() && std::ranges::find(ask.tried, index) != ask.tried.end();
}

Screened by_breaker(const CircuitBreaker& breaker, Instant now) {
    switch (breaker.peek(now)) {
        case CircuitBreaker::Pass::yes:
            return {};
        case CircuitBreaker::Pass::probe:
            return {.fitness = Fitness::probe, .back = {}};
        case CircuitBreaker::Pass::no:
            break;
    }
    const CircuitBreaker::Status status = breaker.status();
    return {.fitness = Fitness::resting,
            .back = status.is_probing ? now + kProbePatience : status.until};
}

// What people, checks, breakers, ejections and the target itself say.
Screened by_standing(const Target& target, const PoolOptions& options, bool is_panic, Instant now) {
    const TargetState& state = *target.state;
    const Mode mode = state.mode.load(kRelaxed);
    const int64_t now_ms = ms_of(now);
    const auto until = [&](int64_t ms) {
        return Screened{.fitness = Fitness::resting, .back = instant_of_ms(ms)};
    };
    if (mode == Mode::drained || mode == Mode::forced_open) {
        return {.fitness = Fitness::resting, .back = {}};
    }
    const bool is_trusted = mode == Mode::forced_closed;
    if (!is_trusted && !state.is_healthy.load(kRelaxed)) {
        return {.fitness = Fitness::resting, .back = {}};
    }
    Screened screened;
    if (!is_trusted && !is_panic) {
        if (options.breaker.enabled) {
            screened = by_breaker(state.breaker, now);
        }
        const int64_t ejected_ms = state.ejected_until_ms.load(kRelaxed);
        if (options.outliers.enabled && ejected_ms > now_ms) {
            const int64_t back_ms = std::max(ejected_ms, ms_of(screened.back));
            return until(back_ms);
        }
        if (screened.fitness == Fitness::resting) {
            return screened;
        }
    }
    if (const int64_t resting_ms = state.resting_until_ms.load(kRelaxed); resting_ms > now_ms) {
        return until(resting_ms);
    }
    return screened;
}

}  // namespace

uint32_t requests_max(const Target& target, const PoolOptions& options) {
    uint32_t most = target.options.concurrent_max == 0 ? UINT32_MAX : target.options.concurrent_max;
    if (options.adaptive_limit.enabled) {
        most = std::min(most, target.state->limit.limit(options.adaptive_limit));
    }
    return most;
}

Screened screen(const Target& target,
                uint16_t index,
                const Ask& ask,
                const PoolOptions& options,
                bool is_panic,
                Instant now) {
    if ((ask.needs & ~target.capabilities) != 0) {
        return {.fitness = Fitness::incapable, .back = {}};
    }
    const uint32_t context = target.options.context_tokens_max;
    if (context != 0 && uint64_t{ask.prompt_tokens} + ask.output_tokens > context) {
        return {.fitness = Fitness::too_long, .back = {}};
    }
    if (is_tried(ask, index)) {
        return {.fitness = Fitness::tried, .back = {}};
    }
    const Screened standing = by_standing(target, options, is_panic, now);
    if (standing.fitness == Fitness::resting) {
        return standing;
    }
    const int32_t in_flight = target.state->requests.load(kRelaxed);
    if (static_cast<uint32_t>(std::max(in_flight, 0)) >= requests_max(target, options)) {
        return {.fitness = Fitness::no_room, .back = {}};
    }
    const uint64_t tokens = uint64_t{ask.prompt_tokens} + ask.output_tokens;
    if (const Duration wait = target.state->rates.wait(target.options, tokens, now);
        wait > Duration{}) {
        return {.fitness = Fitness::no_room, .back = now + wait};
    }
    return standing;
}

}  // namespace sluice::balance
