// FleetClock: the engines' time, which runs with the real one, so many times as fast.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/time.h"

namespace sluice::llm_fleet {

class FleetClock {
public:
    FleetClock() = default;
    FleetClock(Instant begin, double speed) : begin_(begin), speed_(speed) {}

    // The beginning is the same on both.
    Instant begin() const { return begin_; }
    Instant engine_time(Instant real) const { return begin_ + scaled(real - begin_, speed_); }
    // How long it takes in reality.
    Duration real_time(Duration of_engine) const { return scaled(of_engine, 1 / speed_); }

private:
    static Duration scaled(Duration time, double factor) {
        return Duration::nanoseconds(std::llround(static_cast<double>(time.ns()) * factor));
    }

    Instant begin_;
    double speed_ = 1;
};

}  // namespace sluice::llm_fleet
