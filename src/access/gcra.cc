// All arithmetic is in ticks since the monotonic clock began; nine years of it fit.
#include "access/gcra.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "access/options.h"
#include "base/assert.h"
#include "base/time.h"

namespace sluice::access {

namespace {

constexpr int64_t kTicksPerNs = 16;
constexpr int64_t kTicksPerMs = kTicksPerNs * 1'000'000;
// Longest burst, and longest debt: two years, so that sums of them stay far from overflow.
constexpr int64_t kHorizonTicks = int64_t{1} << 60U;

constexpr int64_t divide_up(int64_t a, int64_t b) {
    return a / b + (a % b > 0 ? 1 : 0);
}

Duration to_duration(int64_t ticks) {
    return Duration::nanoseconds(divide_up(std::max<int64_t>(ticks, 0), kTicksPerNs));
}

int64_t ticks_of(int64_t count, int64_t interval_ticks) {
    return count > kHorizonTicks / interval_ticks ? kHorizonTicks : count * interval_ticks;
}

}  // namespace

Gcra::Gcra(RatePeriod period, RateSpread spread, Duration phase)
    : phase_ms_(static_cast<uint32_t>(phase.ms() % length_of(period).ms())),
      period_(period),
      spread_(spread) {
    SLUICE_ASSERT(phase >= Duration{});
}

int64_t Gcra::period_ticks() const {
    return length_of(period_).ns() * kTicksPerNs;
}

int64_t Gcra::origin_ticks(Instant now) const {
    const int64_t ticks = now.ns() * kTicksPerNs;
    if (spread_ == RateSpread::smooth) {
        return ticks;
    }
    const int64_t lead = period_ticks() - phase_ms_ * kTicksPerMs;
    return (ticks + lead) / period_ticks() * period_ticks() - lead;
}

// Each load is an acquire, so that whoever read a number of the next change but one sees that the
// generation has moved on.
Gcra::View Gcra::view() const {
    while (true) {
        const uint16_t generation = generation_.load(std::memory_order_acquire);
        const Numbers& numbers = numbers_[generation & 1U];
        const View view = {numbers.interval_ticks.load(std::memory_order_acquire),
                           numbers.burst.load(std::memory_order_acquire),
                           numbers.limit.load(std::memory_order_acquire)};
        if (generation_.load(std::memory_order_relaxed) == generation) [[likely]] {
            return view;
        }
    }
}

Gcra::View Gcra::shaped(const RateShape& shape) const {
    if (shape.limit <= 0) {
        return {0, 0, 0};
    }
    const int64_t limit = std::min(shape.limit, kRateLimitMax);
    if (spread_ == RateSpread::window) {
        // Rounded down: a window that is used up reaches to the next one and not into it.
        return {period_ticks() / limit, limit, limit};
    }
    const int64_t interval = divide_up(period_ticks(), limit);
    const int64_t burst = shape.burst > 0 ? shape.burst : limit;
    return {interval, std::min(burst, kHorizonTicks / interval), limit};
}

void Gcra::configure(const RateShape& shape, Instant now) {
    const View before = view();
    const View after = shaped(shape);
    if (before.interval_ticks == after.interval_ticks && before.burst == after.burst &&
        before.limit == after.limit) {
        return;
    }
    const auto next = static_cast<uint16_t>(generation_.load(std::memory_order_relaxed) + 1);
    Numbers& numbers = numbers_[next & 1U];
    numbers.interval_ticks.store(after.interval_ticks, std::memory_order_release);
    numbers.burst.store(after.burst, std::memory_order_release);
    numbers.limit.store(after.limit, std::memory_order_release);
    generation_.store(next, std::memory_order_release);
    if (before.interval_ticks == 0) {
        return;
    }
    if (after.interval_ticks == 0) {
        // Nothing is counted from now on; a limit that comes again begins full.
        arrival_ticks_.store(origin_ticks(now), std::memory_order_relaxed);
        return;
    }
    const int64_t origin = origin_ticks(now);
    int64_t arrival = arrival_ticks_.load(std::memory_order_relaxed);
    while (arrival > origin) {
        const int64_t used = divide_up(arrival - origin, before.interval_ticks);
        const int64_t moved = origin + std::min(ticks_of(used, after.interval_ticks),
                                                2 * ticks_of(after.burst, after.interval_ticks));
        if (arrival_ticks_.compare_exchange_weak(arrival, moved, std::memory_order_relaxed)) {
            return;
        }
    }
}

bool Gcra::is_limited() const {
    return view().interval_ticks != 0;
}

bool Gcra::is_full(Instant now) const {
    return !is_limited() || arrival_ticks_.load(std::memory_order_relaxed) <= origin_ticks(now);
}

// `arrival` is where the limit stands, `cost` what is asked of it.
RateAnswer Gcra::answer(const View& view, Instant now, int64_t arrival, int64_t cost) const {
    const int64_t now_ticks = now.ns() * kTicksPerNs;
    const int64_t origin = origin_ticks(now);
    const int64_t from = std::max(arrival, origin);
    const int64_t full = origin + view.burst * view.interval_ticks;
    const int64_t beyond = from + cost - full;
    RateAnswer answer = {.is_admitted = beyond <= 0, .limit = view.limit};
    const int64_t standing = answer.is_admitted ? from + cost : from;
    answer.remaining = std::max<int64_t>(full - standing, 0) / view.interval_ticks;
    if (spread_ == RateSpread::smooth) {
        answer.retry_after = to_duration(beyond);
        answer.reset_after = to_duration(standing - now_ticks);
        return answer;
    }
    const int64_t windows = std::max<int64_t>(divide_up(standing - origin, period_ticks()), 1);
    answer.reset_after = to_duration(origin + windows * period_ticks() - now_ticks);
    if (beyond > 0) {
        const int64_t wait_windows = divide_up(beyond, period_ticks());
        answer.retry_after = to_duration(origin + wait_windows * period_ticks() - now_ticks);
    }
    return answer;
}

RateAnswer Gcra::too_large(const View& view, Instant now) const {
    RateAnswer refused = answer(view, now, arrival_ticks_.load(std::memory_order_relaxed), 0);
    refused.is_admitted = false;
    refused.is_too_large = true;
    refused.retry_after = {};
    return refused;
}

RateAnswer Gcra::peek(Instant now, int64_t count) const {
    const View numbers = view();
    if (numbers.interval_ticks == 0) {
        return {};
    }
    if (count > numbers.burst) {
        return too_large(numbers, now);
    }
    return answer(numbers, now, arrival_ticks_.load(std::memory_order_relaxed),
                  count * numbers.interval_ticks);
}

RateAnswer Gcra::try_take(Instant now, int64_t count) {
    SLUICE_DCHECK(count >= 0);
    const View numbers = view();
    if (numbers.interval_ticks == 0) {
        return {};
    }
    if (count > numbers.burst) {
        return too_large(numbers, now);
    }
    const int64_t origin = origin_ticks(now);
    const int64_t cost = count * numbers.interval_ticks;
    const int64_t full = origin + numbers.burst * numbers.interval_ticks;
    int64_t arrival = arrival_ticks_.load(std::memory_order_relaxed);
    // The order of all takes is that of this one number; nothing else is published by it.
    while (std::max(arrival, origin) + cost <= full) {
        if (arrival_ticks_.compare_exchange_weak(arrival, std::max(arrival, origin) + cost,
                                                 std::memory_order_relaxed)) {
            break;
        }
    }
    return answer(numbers, now, arrival, cost);
}

void Gcra::charge(Instant now, int64_t count) {
    const View numbers = view();
    if (numbers.interval_ticks == 0 || count <= 0) {
        return;
    }
    const int64_t origin = origin_ticks(now);
    const int64_t cost = ticks_of(count, numbers.interval_ticks);
    const int64_t deepest = origin + 2 * numbers.burst * numbers.interval_ticks;
    int64_t arrival = arrival_ticks_.load(std::memory_order_relaxed);
    while (arrival < deepest) {
        const int64_t next = std::min(std::max(arrival, origin) + cost, deepest);
        if (arrival_ticks_.compare_exchange_weak(arrival, next, std::memory_order_relaxed)) {
            return;
        }
    }
}

void Gcra::give_back(Instant charged_at, int64_t count) {
    const View numbers = view();
    if (numbers.interval_ticks == 0 || count <= 0) {
        return;
    }
    const int64_t cost = ticks_of(count, numbers.interval_ticks);
    if (spread_ == RateSpread::smooth) {
        arrival_ticks_.fetch_sub(cost, std::memory_order_relaxed);
        return;
    }
    const int64_t end = origin_ticks(charged_at) + period_ticks();
    int64_t arrival = arrival_ticks_.load(std::memory_order_relaxed);
    while (arrival <= end) {
        if (arrival_ticks_.compare_exchange_weak(arrival, arrival - cost,
                                                 std::memory_order_relaxed)) {
            return;
        }
    }
}

void Gcra::correct(Instant now, Instant charged_at, int64_t difference) {
    if (difference >= 0) {
        charge(now, difference);
    } else {
        give_back(charged_at, -difference);
    }
}

}  // namespace sluice::access
