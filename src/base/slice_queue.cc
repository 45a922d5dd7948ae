// A ring of slices that starts inline and doubles onto the heap.
#include "base/slice_queue.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/slice.h"

namespace sluice {

namespace {

// Arrays of the first size on the heap, kept by each thread: events of which one lies in two
// receive blocks need more slices than are inline, on any stream and for a moment only.
class SpareArrays {
public:
    static constexpr uint32_t kSlices = 8;

    constexpr SpareArrays() = default;
    ~SpareArrays() {
        while (count_ > 0) {
            delete[] arrays_[--count_];
        }
    }
    SpareArrays(const SpareArrays&) = delete;
    SpareArrays& operator=(const SpareArrays&) = delete;

    Slice* take() { return count_ > 0 ? arrays_[--count_] : new Slice[kSlices]; }
    // Its slices are empty.
    void give_back(Slice* array) {
        if (count_ < kArraysMax) {
            arrays_[count_++] = array;
        } else {
            delete[] array;
        }
    }

private:
    static constexpr uint32_t kArraysMax = 64;

    Slice* arrays_[kArraysMax] = {};
    uint32_t count_ = 0;
};

// tidy:allow(thread-local) queues are values that know no shard, and this is of the rare path only
thread_local constinit SpareArrays spare_arrays;

void free_array(Slice* array, uint32_t capacity) {
    if (capacity == SpareArrays::kSlices) {
        spare_arrays.give_back(array);
    } else {
        delete[] array;
    }
}

}  // namespace

SliceQueue::SliceQueue(SliceQueue&& other) noexcept {
    take_from(other);
}

SliceQueue& SliceQueue::operator=(SliceQueue&& other) noexcept {
    if (this != &other) {
        clear();
        take_from(other);
    }
    return *this;
}

void SliceQueue::take_from(SliceQueue& other) noexcept {
    for (uint32_t i = 0; i < kInlineSlices; ++i) {
        inline_[i] = std::move(other.inline_[i]);
    }
    heap_ = std::exchange(other.heap_, nullptr);
    size_bytes_ = std::exchange(other.size_bytes_, 0);
    head_ = std::exchange(other.head_, 0);
    count_ = std::exchange(other.count_, 0);
    capacity_ = std::exchange(other.capacity_, kInlineSlices);
}

void SliceQueue::push_back(Slice slice) {
    if (slice.empty()) {
        return;
    }
    size_bytes_ += slice.size();
    if (count_ > 0 && slot(count_ - 1).try_append(slice)) {
        return;
    }
    if (count_ == capacity_) {
        grow();
    }
    slot(count_) = std::move(slice);
    ++count_;
}

void SliceQueue::append(SliceQueue&& other) {
    if (count_ == 0) {
        *this = std::move(other);
        return;
    }
    while (!other.empty()) {
        push_back(other.pop_front());
    }
}

Slice SliceQueue::pop_front() {
    SLUICE_ASSERT(count_ > 0);
    Slice slice = std::move(slot(0));
    size_bytes_ -= slice.size();
    head_ = (head_ + 1) & (capacity_ - 1);
    if (--count_ == 0) {
        give_back_heap();
    }
    return slice;
}

void SliceQueue::drop_front(size_t count) {
    SLUICE_ASSERT(count <= size_bytes_);
    while (count > 0) {
        Slice& first = slot(0);
        if (first.size() <= count) {
            count -= first.size();
            pop_front();
        } else {
            first.drop_front(static_cast<uint32_t>(count));
            size_bytes_ -= count;
            count = 0;
        }
    }
}

void SliceQueue::move_front_to(size_t count, SliceQueue& to) {
    SLUICE_ASSERT(count <= size_bytes_);
    while (count > 0) {
        Slice& first = slot(0);
        if (first.size() <= count) {
            count -= first.size();
            to.push_back(pop_front());
        } else {
            const auto part = static_cast<uint32_t>(count);
            to.push_back(first.share(0, part));
            first.drop_front(part);
            size_bytes_ -= part;
            count = 0;
        }
    }
}

void SliceQueue::share_all_to(SliceQueue& to) const {
    for (uint32_t i = 0; i < count_; ++i) {
        to.push_back(at(i).share());
    }
}

size_t SliceQueue::copy_out(size_t offset, size_t count, char* to) const {
    size_t copied = 0;
    for (uint32_t i = 0; i < count_ && copied < count; ++i) {
        const std::string_view bytes = at(i).view();
        if (offset >= bytes.size()) {
            offset -= bytes.size();
            continue;
        }
        const size_t part = std::min(bytes.size() - offset, count - copied);
        std::memcpy(to + copied, bytes.data() + offset, part);
        copied += part;
        offset = 0;
    }
    return copied;
}

std::string SliceQueue::to_string() const {
    std::string text(size_bytes_, '\0');
    copy_out(0, size_bytes_, text.data());
    return text;
}

void SliceQueue::clear() {
    for (uint32_t i = 0; i < count_; ++i) {
        slot(i).reset();
    }
    count_ = 0;
    size_bytes_ = 0;
    give_back_heap();
}

void SliceQueue::grow() {
    const uint32_t capacity = std::max(capacity_ * 2, SpareArrays::kSlices);
    Slice* wider = capacity == SpareArrays::kSlices ? spare_arrays.take() : new Slice[capacity];
    for (uint32_t i = 0; i < count_; ++i) {
        wider[i] = std::move(slot(i));
    }
    if (heap_ != nullptr) {
        free_array(heap_, capacity_);
    }
    heap_ = wider;
    head_ = 0;
    capacity_ = capacity;
}

void SliceQueue::give_back_heap() {
    head_ = 0;
    if (heap_ != nullptr) {
        free_array(heap_, capacity_);
        heap_ = nullptr;
        capacity_ = kInlineSlices;
    }
}

}  // namespace sluice
