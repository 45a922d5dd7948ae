// Slice: a counted view of bytes that stay where the kernel, or we, once wrote them.
//
// A Block is one piece of memory with a count of the slices that look at it; when the last one
// goes, the block returns to its owner. Counts are plain integers: a block, its slices and its
// owner live on one shard. A slice without a block looks at memory that nobody counts. What goes
// into a stream must be counted or static: a stream, and the kernel behind it, can outlive an
// exchange.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace sluice {

struct Block;

// Who takes a block back. Ring blocks return to their BufferRing, heap blocks are freed.
class BlockOwner {
public:
    virtual void take_back(Block& block) = 0;

protected:
    ~BlockOwner() = default;
};

struct Block {
    char* data = nullptr;
    uint32_t size_bytes = 0;
    uint32_t references = 0;
    BlockOwner* owner = nullptr;

    void release() {
        SLUICE_ASSERT(references > 0);
        if (--references == 0) {
            owner->take_back(*this);
        }
    }
};

class Slice {
public:
    Slice() = default;

    // Takes one reference on `block`; the range must lie within it.
    Slice(Block& block, uint32_t offset, uint32_t length)
        : block_(&block), data_(block.data + offset), length_(length) {
        SLUICE_DCHECK(offset + length <= block.size_bytes);
        ++block.references;
    }

    // Looks at memory that nobody counts; the caller sees to it that it lives long enough.
    static Slice unowned(std::string_view bytes) {
        Slice slice;
        slice.data_ = bytes.data();
        slice.length_ = static_cast<uint32_t>(bytes.size());
        return slice;
    }

    // Copies `bytes` into a heap block of its own.
    static Slice copy_of(std::string_view bytes);

    // A heap block of `length` bytes to be filled through `block()->data` before it is shared.
    static Slice allocate(uint32_t length);

    Slice(Slice&& other) noexcept
        : block_(std::exchange(other.block_, nullptr)),
          data_(std::exchange(other.data_, nullptr)),
          length_(std::exchange(other.length_, 0)) {}
    Slice& operator=(Slice&& other) noexcept {
        if (this != &other) {
            reset();
            block_ = std::exchange(other.block_, nullptr);
            data_ = std::exchange(other.data_, nullptr);
            length_ = std::exchange(other.length_, 0);
        }
        return *this;
    }
    Slice(const Slice&) = delete;
    Slice& operator=(const Slice&) = delete;
    ~Slice() { reset(); }

    const char* data() const { return data_; }
    uint32_t size() const { return length_; }
    bool empty() const { return length_ == 0; }
    std::string_view view() const { return {data_, length_}; }
    Block* block() const { return block_; }

    // Another view of the same bytes; `offset + length` must not pass the end.
    Slice share(uint32_t offset, uint32_t length) const {
        SLUICE_ASSERT(offset <= length_ && length <= length_ - offset);
        Slice slice;
        slice.block_ = block_;
        slice.data_ = data_ + offset;
        slice.length_ = length;
        if (block_ != nullptr) {
            ++block_->references;
        }
        return slice;
    }
    Slice share() const { return share(0, length_); }

    void drop_front(uint32_t count) {
        SLUICE_ASSERT(count <= length_);
        data_ += count;
        length_ -= count;
    }
    void truncate(uint32_t length) {
        SLUICE_ASSERT(length <= length_);
        length_ = length;
    }

    // Takes in bytes of the same block before (after) the view, which must be the caller's to use.
    void grow_front(uint32_t count) {
        SLUICE_DCHECK(block_ != nullptr && data_ - block_->data >= static_cast<ptrdiff_t>(count));
        data_ -= count;
        length_ += count;
    }
    void grow_back(uint32_t count) { length_ += count; }
    // For the only one who may write there: the holder of bytes that nobody else looks at.
    char* writable_data() const { return const_cast<char*>(data_); }

    // Grows this slice over `next` when both look at one block and touch; true when it did.
    bool try_append(const Slice& next) {
        if (block_ == nullptr || block_ != next.block_ || data_ + length_ != next.data_) {
            return false;
        }
        length_ += next.length_;
        return true;
    }

    void reset() {
        if (block_ != nullptr) {
            block_->release();
            block_ = nullptr;
        }
        data_ = nullptr;
        length_ = 0;
    }

private:
    Block* block_ = nullptr;
    const char* data_ = nullptr;
    uint32_t length_ = 0;
};

}  // namespace sluice
