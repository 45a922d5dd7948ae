// Gcra: one rate limit, shared by all shards, as one number that only compare-and-swap moves.
//
// The number is the theoretical arrival time of the generic cell rate algorithm: taking n units
// moves it n emission intervals on, from now at the earliest, and what would move it further than
// a burst ahead of now is refused. So whatever the number of threads, and without leases:
//
//   smooth   in any stretch of time T at most burst + T * limit / period is admitted
//   window   the same over a clock that stands still within a period: at most `limit` in each
//
// What is given back counts as negative at the time it is given back. Intervals are whole ticks of
// a sixteenth of a nanosecond, rounded to the strict side, so that sums are exact. Any thread; a
// record lives as long as somebody may use it, and configure() is the control thread's.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace sluice::access {

enum class RatePeriod : uint8_t { minute, hour, day };
enum class RateSpread : uint8_t { smooth, window };

constexpr Duration length_of(RatePeriod period) {
    constexpr int64_t kSeconds[] = {60, 3'600, 86'400};
    return Duration::seconds(kSeconds[static_cast<uint8_t>(period)]);
}

struct RateShape {
    int64_t limit = 0;  // Units a period; 0: no limit.
    int64_t burst = 0;  // For smooth ones; 0: `limit`.
};

struct RateAnswer {
    bool is_admitted = true;
    bool is_too_large = false;  // More than could ever be admitted: waiting does not help.
    Duration retry_after = {};  // When the same demand could be admitted; zero if it was.
    int64_t limit = 0;
    int64_t remaining = 0;
    Duration reset_after = {};  // When all of it is there again.
};

class alignas(64) Gcra {
public:
    // `phase` is where a window begins on the monotonic clock; whole milliseconds count.
    explicit Gcra(RatePeriod period, RateSpread spread, Duration phase = {});
    Gcra(const Gcra&) = delete;
    Gcra& operator=(const Gcra&) = delete;

    // New numbers hold at once and what was used stays used. A take in the same instant goes by
    // the old numbers or by the new ones.
    void configure(const RateShape& shape, Instant now);

    bool is_limited() const;
    // What try_take would answer, without taking.
    RateAnswer peek(Instant now, int64_t count) const;
    RateAnswer try_take(Instant now, int64_t count);
    // Takes what has been used already, if need be on credit: at most one burst of it.
    void charge(Instant now, int64_t count);
    // Undoes a take of `charged_at`. What was taken in a window that is over, or overdrawn, stays.
    void give_back(Instant charged_at, int64_t count);
    // The difference between the true number and the one that was taken.
    void correct(Instant now, Instant charged_at, int64_t difference);
    // Whether nothing is used of it.
    bool is_full(Instant now) const;

private:
    // The numbers in force, twice: a change fills the other one, then counts up.
    struct Numbers {
        std::atomic<int64_t> interval_ticks = 0;  // 0: no limit.
        std::atomic<int64_t> burst = 0;
        std::atomic<int64_t> limit = 0;
    };
    struct View {
        int64_t interval_ticks;
        int64_t burst;
        int64_t limit;
    };

    View view() const;
    View shaped(const RateShape& shape) const;
    int64_t period_ticks() const;
    // Now, or where the window began that now lies in.
    int64_t origin_ticks(Instant now) const;
    RateAnswer answer(const View& view, Instant now, int64_t arrival, int64_t cost) const;
    RateAnswer too_large(const View& view, Instant now) const;

    // Before any window: one that now lies in may have begun before the clock did.
    std::atomic<int64_t> arrival_ticks_ = -(int64_t{1} << 61U);
    std::array<Numbers, 2> numbers_;
    uint32_t phase_ms_;
    std::atomic<uint16_t> generation_ = 0;
    RatePeriod period_;
    RateSpread spread_;
};

static_assert(sizeof(Gcra) == 64);  // One cache line: what two shards contend for is one limit.

}  // namespace sluice::access
