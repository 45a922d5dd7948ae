// A hierarchical timing wheel (Varghese and Lauck, 1987).
#include "net/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/intrusive_list.h"
#include "base/time.h"

namespace sluice::net {

TimerWheel::TimerWheel(Instant now) : tick_(now.ns() / kTickNs) {}

void TimerWheel::arm(Timer& timer, Instant due) {
    timer.unlink();
    timer.due_ = due;
    place(timer, tick_ + 1);
}

void TimerWheel::place(Timer& timer, int64_t earliest_tick) {
    // Rounded up, so that a timer never fires early.
    const int64_t rounded_up = timer.due_.ns() / kTickNs + (timer.due_.ns() % kTickNs != 0 ? 1 : 0);
    const int64_t due_tick = std::max(rounded_up, earliest_tick);
    const auto distance = static_cast<uint64_t>(due_tick - tick_);
    unsigned level = 0;
    while (level + 1 < kLevels && distance >= (uint64_t{1} << ((level + 1) * kSlotBits))) {
        ++level;
    }
    constexpr uint64_t kFarthest = (uint64_t{1} << (kLevels * kSlotBits)) - 1;
    const auto tick = static_cast<uint64_t>(tick_) + std::min(distance, kFarthest);
    const auto index = static_cast<unsigned>((tick >> (level * kSlotBits)) & (kSlots - 1));
    slots_[level][index].push_back(timer);
    occupied_[level] |= uint64_t{1} << index;
}

void TimerWheel::run_slot(IntrusiveList<Timer>& slot) {
    IntrusiveList<Timer> due;
    slot.move_all_to(due);
    const int64_t now_ns = tick_ * kTickNs;
    while (Timer* timer = due.pop_front()) {
        if (timer->due_.ns() > now_ns) {
            place(*timer, tick_ + 1);  // It lay beyond the wheel.
        } else {
            timer->handler_(*timer);
        }
    }
}

// At the edge of a level the next slot of the level above is spread over the levels below; highest
// first, because what comes down may belong to the very slot that is spread next.
void TimerWheel::cascade() {
    const auto tick = static_cast<uint64_t>(tick_);
    for (unsigned level = kLevels - 1; level > 0; --level) {
        const unsigned shift = level * kSlotBits;
        if ((tick & ((uint64_t{1} << shift) - 1)) != 0) {
            continue;
        }
        const auto index = static_cast<unsigned>((tick >> shift) & (kSlots - 1));
        occupied_[level] &= ~(uint64_t{1} << index);
        IntrusiveList<Timer> moving;
        slots_[level][index].move_all_to(moving);
        while (Timer* timer = moving.pop_front()) {
            place(*timer, tick_);
        }
    }
}

void TimerWheel::advance(Instant now) {
    const int64_t target = now.ns() / kTickNs;
    while (tick_ < target) {
        const uint64_t any = occupied_[0] | occupied_[1] | occupied_[2] | occupied_[3];
        if (any == 0) {
            tick_ = target;
            return;
        }
        ++tick_;
        cascade();
        const auto index = static_cast<unsigned>(static_cast<uint64_t>(tick_) & (kSlots - 1));
        const uint64_t bit = uint64_t{1} << index;
        if ((occupied_[0] & bit) != 0) {
            occupied_[0] &= ~bit;
            run_slot(slots_[0][index]);
        } else if (occupied_[0] == 0) {
            // Nothing before the next edge of level 0: go there at once.
            const int64_t edge = (tick_ | static_cast<int64_t>(kSlots - 1));
            tick_ = std::min(target, std::max(tick_, edge));
        }
    }
}

Instant TimerWheel::next_expiry() {
    int64_t earliest = INT64_MAX;
    for (unsigned level = 0; level < kLevels; ++level) {
        const unsigned shift = level * kSlotBits;
        const auto position =
            static_cast<unsigned>((static_cast<uint64_t>(tick_) >> shift) & (kSlots - 1));
        // Slots after the current one come first; the current one is a full round away.
        uint64_t rotated = std::rotr(occupied_[level], static_cast<int>((position + 1) % kSlots));
        while (rotated != 0) {
            const auto step = static_cast<unsigned>(std::countr_zero(rotated));
            const unsigned index = (position + 1 + step) % kSlots;
            if (slots_[level][index].empty()) {
                occupied_[level] &= ~(uint64_t{1} << index);
                rotated &= rotated - 1;
                continue;
            }
            const int64_t unit = (tick_ >> shift) + 1 + static_cast<int64_t>(step);
            earliest = std::min(earliest, unit << shift);
            break;
        }
    }
    return earliest == INT64_MAX ? Instant::never() : Instant::from_ns(earliest * kTickNs);
}

}  // namespace sluice::net
