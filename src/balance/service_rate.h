// ServiceRate: how fast those are served who wait, by those that were lately.
//
// Places by time of the last few dozen, while somebody waited; what waits for the first target of
// an empty pool says nothing about it. Plain numbers, guarded by whoever has it.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace sluice::balance {

class ServiceRate {
public:
    // The first one waits: from here on time counts.
    void begin(Instant now) {
        if (!last_.is_set() || now - last_ > kForgotten) {
            *this = {};
        }
        last_ = now;
    }
    // One was served, and there were others or it had waited itself.
    void on_served(Instant now) {
        if (is_paused_) {
            is_paused_ = false;
            last_ = now;
            return;
        }
        served_ = served_ * kKept + 1;
        seconds_ = seconds_ * kKept + (now - last_).as_seconds();
        last_ = now;
    }
    // Nobody can be served for now, which says nothing about later.
    void pause() { is_paused_ = true; }

    // Until so many will have been served; 0 when nobody can say.
    Duration time_for(uint64_t places, Instant now) const {
        if (is_paused_ || served_ < kTelling) {
            return {};
        }
        const double silence_s = (now - last_).as_seconds();
        const double each_s = (seconds_ + (silence_s > 0 ? silence_s : 0)) / served_;
        const double whole_s = each_s * static_cast<double>(places);
        return whole_s > kMost.as_seconds()
                   ? kMost
                   : Duration::microseconds(static_cast<int64_t>(whole_s * 1e6));
    }

private:
    // What is left of a sample after the next one: the last 32 or so count.
    static constexpr double kKept = 1 - 1.0 / 32;
    // Fewer say nothing; about eight.
    static constexpr double kTelling = 7;
    static constexpr Duration kForgotten = Duration::seconds(60);
    static constexpr Duration kMost = Duration::seconds(3600);

    double served_ = 0;
    double seconds_ = 0;
    Instant last_;
    bool is_paused_ = false;
};

}  // namespace sluice::balance
