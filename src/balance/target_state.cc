// The engine's word, from its top: 12 bits waiting, 12 requests of others, 8 the share of memory in
// 255ths, 32 the time in milliseconds.
#include "balance/target_state.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "balance/ewma.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint32_t kCountMax = 4095;
// After a fault a target looks busier for about so long.
constexpr Duration kPhantomFade = Duration::milliseconds(2'500);
// Less than that is nothing, or an old fault would lose every tie.
constexpr double kPhantomLeast = 0.01;
// What an engine said says little after so long: requests of a burst come and go in it.
constexpr double kEngineFadeMs = 2'000;
// A request of others weighs this much where we have none there to go by.
constexpr double kOthersTokens = 1'024;
constexpr double kRampLeast = 0.1;

void raise(std::atomic<int64_t>& to, int64_t value) {
    int64_t seen = to.load(kRelaxed);
    while (seen < value && !to.compare_exchange_weak(seen, value, kRelaxed)) {
    }
}

double freshness(uint64_t engine, Instant now) {
    const uint32_t age_ms = static_cast<uint32_t>(ms_of(now)) - static_cast<uint32_t>(engine);
    return static_cast<int32_t>(age_ms) < 0 ? 1 : fade(age_ms / kEngineFadeMs);
}

}  // namespace

// What is there without having been sent by us, or is only imagined.
LoadView TargetState::with_others(LoadView view, Instant now, uint32_t request_tokens) const {
    if (const uint64_t word = engine.load(kRelaxed); word != 0) {
        const double fresh = freshness(word, now);
        const double each = view.requests > 0 ? view.kv_tokens / view.requests : kOthersTokens;
        const double others = static_cast<double>(word >> 40U & kCountMax) * fresh;
        const double waiting = std::min(static_cast<double>(word >> 52U) * fresh, others);
        view.requests += others;
        view.kv_tokens += others * each;
        view.prefill_tokens += waiting * each;
        view.decoding += others - waiting;
    }
    if (const double imagined = phantoms.value_now(0, now, kPhantomFade);
        imagined > kPhantomLeast) {
        view.requests += imagined;
        view.prefill_tokens += imagined * request_tokens;
        view.kv_tokens += imagined * request_tokens;
    }
    return view;
}

void TargetState::set_health(bool healthy, Instant now) {
    const bool was_healthy = is_healthy.exchange(healthy, kRelaxed);
    if (was_healthy != healthy || health_since_ms.load(kRelaxed) == 0) {
        health_since_ms.store(ms_of(now), kRelaxed);
    }
    if (!was_healthy && healthy) {
        slow_start_ms.store(ms_of(now), kRelaxed);
    }
}

void TargetState::set_engine(uint32_t waiting, uint32_t running, double kv_share, Instant now) {
    const auto ours = static_cast<uint32_t>(std::max(requests.load(kRelaxed), 0));
    const uint32_t all = std::min(waiting, kCountMax) + std::min(running, kCountMax);
    const uint32_t others = std::min(all - std::min(all, ours), kCountMax);
    const auto share = static_cast<uint64_t>(std::clamp(kv_share, 0.0, 1.0) * 255);
    engine.store(uint64_t{std::min(waiting, kCountMax)} << 52U | uint64_t{others} << 40U |
                     share << 32U | static_cast<uint32_t>(ms_of(now)),
                 kRelaxed);
}

TargetState::EngineWord TargetState::engine_word(Instant now) const {
    const uint64_t word = engine.load(kRelaxed);
    const uint32_t age_ms = static_cast<uint32_t>(ms_of(now)) - static_cast<uint32_t>(word);
    return {.is_known = word != 0,
            .waiting = static_cast<uint32_t>(word >> 52U),
            .others = static_cast<uint32_t>(word >> 40U & kCountMax),
            .kv_share = static_cast<double>(word >> 32U & 255U) / 255,
            .age = Duration::milliseconds(std::max(static_cast<int32_t>(age_ms), 0))};
}

double TargetState::kv_share(Instant now) const {
    const uint64_t word = engine.load(kRelaxed);
    return word == 0 ? 0 : static_cast<double>(word >> 32U & 255U) / 255 * freshness(word, now);
}

void TargetState::rest(Instant until) {
    raise(resting_until_ms, ms_of(until));
}

double TargetState::ramp_since(int64_t begin_ms, uint32_t slow_start_length_ms, Instant now) {
    const auto since_ms = static_cast<double>(std::max<int64_t>(ms_of(now) - begin_ms, 0));
    const double passed = since_ms / std::max(slow_start_length_ms, 1U);
    return std::min(kRampLeast + (1 - kRampLeast) * passed, 1.0);
}

void TargetState::note_error(uint16_t error, Instant now) {
    last_error.store(error, kRelaxed);
    last_error_ms.store(ms_of(now), kRelaxed);
}

}  // namespace sluice::balance
