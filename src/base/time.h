// Instant and Duration: monotonic nanoseconds with the unit in every constructor's name.
//
// Nothing here reads a clock. Time comes from net/clock.h, so that the simulator can own it.
#pragma once

#include <compare>
#include <cstdint>

namespace sluice {

class Duration {
public:
    constexpr Duration() = default;

    static constexpr Duration nanoseconds(int64_t n) { return Duration(n); }
    static constexpr Duration microseconds(int64_t n) { return Duration(n * 1'000); }
    static constexpr Duration milliseconds(int64_t n) { return Duration(n * 1'000'000); }
    static constexpr Duration seconds(int64_t n) { return Duration(n * 1'000'000'000); }

    constexpr int64_t ns() const { return ns_; }
    constexpr int64_t us() const { return ns_ / 1'000; }
    constexpr int64_t ms() const { return ns_ / 1'000'000; }
    constexpr double as_seconds() const { return static_cast<double>(ns_) / 1e9; }

    constexpr auto operator<=>(const Duration&) const = default;
    constexpr Duration operator+(Duration other) const { return Duration(ns_ + other.ns_); }
    constexpr Duration operator-(Duration other) const { return Duration(ns_ - other.ns_); }
    constexpr Duration operator*(int64_t factor) const { return Duration(ns_ * factor); }
    constexpr Duration operator/(int64_t divisor) const { return Duration(ns_ / divisor); }

private:
    constexpr explicit Duration(int64_t n) : ns_(n) {}
    int64_t ns_ = 0;
};

// A point on the monotonic clock. The zero Instant means "not yet" wherever one is stored.
class Instant {
public:
    constexpr Instant() = default;

    static constexpr Instant from_ns(int64_t n) { return Instant(n); }
    static constexpr Instant never() { return Instant(INT64_MAX); }

    constexpr int64_t ns() const { return ns_; }
    constexpr bool is_set() const { return ns_ != 0; }

    constexpr auto operator<=>(const Instant&) const = default;
    constexpr Instant operator+(Duration d) const { return Instant(ns_ + d.ns()); }
    constexpr Instant operator-(Duration d) const { return Instant(ns_ - d.ns()); }
    constexpr Duration operator-(Instant other) const {
        return Duration::nanoseconds(ns_ - other.ns_);
    }

private:
    constexpr explicit Instant(int64_t n) : ns_(n) {}
    int64_t ns_ = 0;
};

}  // namespace sluice
