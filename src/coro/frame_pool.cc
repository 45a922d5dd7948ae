// Every frame is rounded up to its class size, with or without a pool, so a frame may be freed on a
// thread state other than the one it was made in.
#include "coro/frame_pool.h"

#include <cstdlib>
#include <new>

#include "base/assert.h"

namespace sluice::coro {

namespace {

thread_local FramePool* current_pool = nullptr;

void* allocate_or_die(size_t size_bytes) {
    void* memory = std::malloc(size_bytes);
    SLUICE_ASSERT(memory != nullptr);
    return memory;
}

}  // namespace

FramePool::FramePool() : outer_(current_pool) {
    current_pool = this;
}

FramePool::~FramePool() {
    trim();
    SLUICE_ASSERT(current_pool == this);
    current_pool = outer_;
}

void FramePool::trim() {
    for (FreeList& list : lists_) {
        while (list.first != nullptr) {
            FreeFrame* next = list.first->next;
            std::free(static_cast<void*>(list.first));
            list.first = next;
        }
        list.count = 0;
    }
}

void* FramePool::allocate(size_t size_bytes) {
    const size_t index = (size_bytes - 1) / kClassBytes;
    if (index >= kClasses) {
        return allocate_or_die(size_bytes);
    }
    if (current_pool != nullptr) {
        FreeList& list = current_pool->lists_[index];
        if (list.first != nullptr) {
            FreeFrame* frame = list.first;
            list.first = frame->next;
            --list.count;
            return frame;
        }
    }
    return allocate_or_die((index + 1) * kClassBytes);
}

void FramePool::free(void* frame, size_t size_bytes) noexcept {
    const size_t index = (size_bytes - 1) / kClassBytes;
    if (index < kClasses && current_pool != nullptr) {
        FreeList& list = current_pool->lists_[index];
        if (list.count < kBytesPerClassMax / ((index + 1) * kClassBytes)) {
            list.first = new (frame) FreeFrame{list.first};
            ++list.count;
            return;
        }
    }
    std::free(frame);
}

}  // namespace sluice::coro
