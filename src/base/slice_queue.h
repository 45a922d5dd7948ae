// SliceQueue: slices in order, as one run of bytes that is read from the front and added to at the
// back. Holds two slices inline, which is what a keep-alive connection needs; more go to the heap
// and are given back when the queue becomes empty, so that idle connections cost nothing. A thread
// keeps a few small arrays for the next queue that needs one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/slice.h"

namespace sluice {

class SliceQueue {
public:
    SliceQueue() = default;
    ~SliceQueue() { clear(); }
    SliceQueue(SliceQueue&& other) noexcept;
    SliceQueue& operator=(SliceQueue&& other) noexcept;
    SliceQueue(const SliceQueue&) = delete;
    SliceQueue& operator=(const SliceQueue&) = delete;

    bool empty() const { return size_bytes_ == 0; }
    size_t size_bytes() const { return size_bytes_; }
    uint32_t slice_count() const { return count_; }

    // The slice at `index` from the front, 0 <= index < slice_count().
    const Slice& at(uint32_t index) const { return slots()[(head_ + index) & (capacity_ - 1)]; }
    const Slice& front() const { return at(0); }

    // Empty slices are not kept. A slice that touches the last one in the same block joins it.
    void push_back(Slice slice);
    // Moves everything from `other` to the end of this queue.
    void append(SliceQueue&& other);
    // Takes the whole first slice.
    Slice pop_front();
    // Removes `count` bytes from the front; `count` must not exceed size_bytes().
    void drop_front(size_t count);
    // Moves the first `count` bytes to the end of `to`, sharing a slice that is cut.
    void move_front_to(size_t count, SliceQueue& to);
    // Shares every slice into the end of `to`; the bytes then have two holders.
    void share_all_to(SliceQueue& to) const;
    // Copies up to `count` bytes, from `offset` on, to `to`; returns how many there were.
    size_t copy_out(size_t offset, size_t count, char* to) const;
    std::string to_string() const;
    void clear();

private:
    static constexpr uint32_t kInlineSlices = 2;

    Slice* slots() { return heap_ != nullptr ? heap_ : inline_; }
    const Slice* slots() const { return heap_ != nullptr ? heap_ : inline_; }
    Slice& slot(uint32_t index) { return slots()[(head_ + index) & (capacity_ - 1)]; }
    void grow();
    void give_back_heap();
    void take_from(SliceQueue& other) noexcept;

    Slice inline_[kInlineSlices];
    Slice* heap_ = nullptr;
    size_t size_bytes_ = 0;
    uint32_t head_ = 0;
    uint32_t count_ = 0;
    uint32_t capacity_ = kInlineSlices;  // A power of two.
};

}  // namespace sluice
