// SlotTable: numbers for objects that a message may ask for after they are gone.
//
// A message never carries a pointer to what may end before it arrives. It carries a number, made of
// a place and how often that place was given out; where the object has gone, find() says so.
// One shard; owns nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace sluice::cache {

template <class T>
class SlotTable {
public:
    // Never 0.
    uint64_t add(T& object) {
        if (free_ == kNone) {
            free_ = static_cast<uint32_t>(slots_.size());
            slots_.push_back({});
        }
        const uint32_t index = free_;
        Slot& slot = slots_[index];
        free_ = slot.next_free;
        slot.object = &object;
        ++count_;
        return (uint64_t{slot.generation} << 32U) | index;
    }
    // Null when it is gone.
    T* find(uint64_t number) const {
        const auto index = static_cast<uint32_t>(number);
        return index < slots_.size() && slots_[index].generation == number >> 32U
                   ? slots_[index].object
                   : nullptr;
    }
    void remove(uint64_t number) {
        SLUICE_ASSERT(find(number) != nullptr);
        const auto index = static_cast<uint32_t>(number);
        Slot& slot = slots_[index];
        slot.object = nullptr;
        slot.generation += slot.generation == UINT32_MAX ? 2 : 1;  // Zero is left out.
        slot.next_free = free_;
        free_ = index;
        --count_;
    }
    size_t size() const { return count_; }

private:
    static constexpr uint32_t kNone = UINT32_MAX;

    struct Slot {
        T* object = nullptr;
        uint32_t generation = 1;
        uint32_t next_free = kNone;
    };

    std::vector<Slot> slots_;
    size_t count_ = 0;
    uint32_t free_ = kNone;
};

}  // namespace sluice::cache
