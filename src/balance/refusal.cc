// Why there is no target: looks at all of them once more, which only a request without one pays
// for.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "balance/pool.h"
#include "balance/pool_state.h"  // IWYU pragma: keep, it is behind a pointer
#include "balance/screening.h"
#include "balance/target.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

// What to name to the client: bits that no target has, or else those that the nearest one lacks.
class Lacking {
public:
    void add(uint32_t missing) {
        common_ &= missing;
        if (std::popcount(missing) < std::popcount(least_) || least_ == 0) {
            least_ = missing;
        }
    }
    uint32_t bits() const { return common_ != 0 ? common_ : least_; }

private:
    uint32_t common_ = ~0U;
    uint32_t least_ = 0;
};

}  // namespace

Selection Pool::without(const Ask& ask, bool is_panic, Instant now) const {
    Lacking lacking;
    Instant back = Instant::never();
    auto nearest = Fitness::incapable;
    bool may_free_up = false;  // At any moment; nobody knows when.
    for (size_t i = 0; i < targets_.size(); ++i) {
        const Target& target = targets_[i];
        const Screened screened =
            screen(target, static_cast<uint16_t>(i), ask, options_, is_panic, now);
        // One that was full, or probed, when it was to be charged may look free by now.
        const Fitness fitness = std::min(screened.fitness, Fitness::no_room);
        nearest = std::max(nearest, fitness);
        if (fitness == Fitness::incapable) {
            lacking.add(ask.needs & ~target.capabilities);
        }
        if (fitness >= Fitness::resting && screened.back > now) {
            back = std::min(back, screened.back);
        } else if (fitness == Fitness::no_room) {
            may_free_up = true;
        }
    }
    Selection selection;
    if (targets_.empty()) {
        selection.without = Without::empty;
        return selection;
    }
    switch (nearest) {
        case Fitness::incapable:
            selection.without = Without::incapable;
            selection.lacking = lacking.bits();
            break;
        case Fitness::too_long:
            selection.without = Without::too_long;
            break;
        case Fitness::tried:
            selection.without = Without::tried;
            break;
        case Fitness::resting:
            selection.without = Without::resting;
            break;
        case Fitness::no_room:
        case Fitness::probe:
        case Fitness::fit:
            selection.without = Without::no_room;
            break;
    }
    const bool may_return = selection.without >= Without::resting;
    if (may_return && !may_free_up && back != Instant::never()) {
        selection.retry_after = back - now;
    }
    return selection;
}

Selection Pool::refusal(const Ask& ask, Instant now) const {
    return without(ask, options_.outliers.panic_percent > 0 && is_panic(ask, now), now);
}

WaitingRoomPtr Pool::room() const {
    return {state_, &state_->room};
}

// Of the targets that could serve the request, too few may.
bool Pool::is_panic(const Ask& ask, Instant now) const {
    uint64_t able = 0;
    uint64_t usable = 0;
    for (size_t i = 0; i < targets_.size(); ++i) {
        const Screened screened =
            screen(targets_[i], static_cast<uint16_t>(i), ask, options_, false, now);
        able += screened.fitness >= Fitness::resting ? 1 : 0;
        usable += screened.fitness >= Fitness::no_room ? 1 : 0;
    }
    return usable * 100 < able * options_.outliers.panic_percent;
}

}  // namespace sluice::balance
