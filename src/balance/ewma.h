// Ewma: a moving average that any shard may feed, as one word: a float and the time of its last
// sample.
//
// Old samples fade with time and not with their number. A sample still weighs a twentieth when many
// come in the same instant, as otherwise those would weigh nothing. Times are milliseconds in 32
// bits: what has not been fed for 49 days looks as if it had been fed lately, once.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <concepts>
#include <cstdint>

#include "base/time.h"

namespace sluice::balance {

// About exp(-x) for x >= 0, by a series of its inverse: within 4 % of one, exact at 0, nothing from
// 30 on, and neither a call nor a branch.
template <std::floating_point T>
constexpr T fade(T x) {
    const T some = 1 / (1 + x * (1 + x * (T(1) / 2 + x * (T(1) / 6 + x * (T(1) / 24)))));
    return x < 30 ? some : 0;
}

constexpr int64_t ms_of(Instant instant) {
    return instant.ns() / 1'000'000;
}

constexpr Instant instant_of_ms(int64_t ms) {
    return Instant::from_ns(ms * 1'000'000);
}

// A time constant as many readers in a row need it, and the time that they read at.
struct Fading {
    Fading(Instant now, Duration tau)
        : now_ms(static_cast<uint32_t>(ms_of(now))),
          per_ms(1e6 / static_cast<double>(std::max<int64_t>(tau.ns(), 1))) {}

    uint32_t now_ms;
    double per_ms;
};

class Ewma {
public:
    static constexpr double kShareMin = 0.05;
    // Another shard's clock may have been read so much later than ours.
    static constexpr uint32_t kAheadMs = 60'000;

    bool is_empty() const { return word_.load(std::memory_order_relaxed) == 0; }

    // As it was at its last sample; `otherwise` before the first.
    double value(double otherwise) const {
        const uint64_t word = word_.load(std::memory_order_relaxed);
        return word == 0 ? otherwise : value_in(word);
    }

    // For who works out many at once: its value and the time of its last sample, as milliseconds; a
    // value of 0 is none.
    struct Sample {
        float value;
        uint32_t at_ms;
    };
    Sample sample() const {
        const uint64_t word = word_.load(std::memory_order_relaxed);
        return {.value = float_in(word), .at_ms = static_cast<uint32_t>(word)};
    }

    // Without new samples it goes to `rest`.
    double value_now(double rest, Instant now, Duration tau) const {
        return value_now(rest, Fading(now, tau));
    }
    double value_now(double rest, const Fading& fading) const {
        const uint64_t word = word_.load(std::memory_order_relaxed);
        return word == 0 ? rest : rest + (value_in(word) - rest) * fade(age(word, fading));
    }

    // `weight` is that of the sample against others; one of 2 counts for two.
    void add(double sample, Instant now, Duration tau, double weight = 1) {
        update(now, [&](uint64_t word) {
            const double plain = std::max(1 - fade(age(word, now, tau)), kShareMin);
            const double share = std::min(plain * weight, 1.0);
            return word == 0 ? sample : value_in(word) + (sample - value_in(word)) * share;
        });
    }

    // Never lowers it.
    void raise(double sample, Instant now) {
        update(now, [&](uint64_t word) {
            return word == 0 ? sample : std::max(sample, value_in(word));
        });
    }

    // Faded toward 0 since the last time, and then so much more.
    void pile(double more, Instant now, Duration tau) {
        update(now, [&](uint64_t word) {
            return word == 0 ? more : value_in(word) * fade(age(word, now, tau)) + more;
        });
    }

    // By a function of the value and whether there was one; for other rules than these.
    template <typename F>
    void change(Instant now, const F& next) {
        update(now, [&](uint64_t word) { return next(value_in(word), word != 0); });
    }

    void clear() { word_.store(0, std::memory_order_relaxed); }

private:
    static float float_in(uint64_t word) {
        return std::bit_cast<float>(static_cast<uint32_t>(word >> 32U));
    }
    static double value_in(uint64_t word) { return float_in(word); }
    static double age(uint64_t word, const Fading& fading) {
        const uint32_t ms = fading.now_ms - static_cast<uint32_t>(word);
        return ms > UINT32_MAX - kAheadMs ? 0 : ms * fading.per_ms;
    }
    static double age(uint64_t word, Instant now, Duration tau) {
        return age(word, Fading(now, tau));
    }

    template <typename F>
    void update(Instant now, const F& next) {
        uint64_t seen = word_.load(std::memory_order_relaxed);
        uint64_t made = 0;
        do {
            const auto bits = std::bit_cast<uint32_t>(static_cast<float>(next(seen)));
            // The lowest bit of the value is given up, so that no word is that of "no sample".
            made = uint64_t{bits | 1U} << 32U | static_cast<uint32_t>(ms_of(now));
        } while (!word_.compare_exchange_weak(seen, made, std::memory_order_relaxed));
    }

    std::atomic<uint64_t> word_ = 0;
};

}  // namespace sluice::balance
