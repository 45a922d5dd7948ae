// ArenaList: a list that grows inside an arena, for results whose number is not known beforehand.
//
// Doubles, and leaves the old piece to the arena. Items are trivial; views of the list hold until
// the next push_back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

#include "base/arena.h"

namespace sluice {

template <class T>
class ArenaList {
public:
    static_assert(std::is_trivially_destructible_v<T> && std::is_copy_assignable_v<T>);

    explicit ArenaList(Arena& arena) : arena_(&arena) {}

    T& push_back(const T& item) {
        if (size_ == items_.size()) {
            grow();
        }
        items_[size_] = item;
        return items_[size_++];
    }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](size_t index) { return items_[index]; }
    const T& operator[](size_t index) const { return items_[index]; }
    T& back() { return items_[size_ - 1]; }
    T* begin() { return items_.data(); }
    T* end() { return items_.data() + size_; }
    void remove_last() { --size_; }
    void clear() { size_ = 0; }

    std::span<const T> view() const { return items_.first(size_); }
    std::span<T> view() { return items_.first(size_); }

private:
    static constexpr size_t kFirstItems = 4;

    void grow() {
        const std::span<T> wider =
            arena_->allocate_array<T>(std::max(kFirstItems, 2 * items_.size()));
        std::copy(items_.begin(), items_.end(), wider.begin());
        items_ = wider;
    }

    Arena* arena_;
    std::span<T> items_;
    size_t size_ = 0;
};

}  // namespace sluice
