// Every piece is rounded up to its class size, with or without a pool, so a piece may be freed on a
// thread state other than the one it was made in.
#include "base/memory_pool.h"

#include <cstdlib>
#include <new>

#include <sanitizer/asan_interface.h>

#include "base/assert.h"

namespace sluice {

namespace {

thread_local MemoryPool* current_pool = nullptr;

void* allocate_or_die(size_t size_bytes) {
    void* memory = std::malloc(size_bytes);
    SLUICE_ASSERT(memory != nullptr);
    return memory;
}

}  // namespace

MemoryPool::MemoryPool() : outer_(current_pool) {
    current_pool = this;
}

MemoryPool::~MemoryPool() {
    trim();
    SLUICE_ASSERT(current_pool == this);
    current_pool = outer_;
}

void MemoryPool::trim() {
    for (FreeList& list : lists_) {
        while (list.first != nullptr) {
            FreePiece* next = list.first->next;
            std::free(static_cast<void*>(list.first));
            list.first = next;
        }
        list.count = 0;
    }
}

void* MemoryPool::allocate(size_t size_bytes) {
    const size_t index = (size_bytes - 1) / kClassBytes;
    if (index >= kClasses) {
        return allocate_or_die(size_bytes);
    }
    if (current_pool != nullptr) {
        FreeList& list = current_pool->lists_[index];
        if (list.first != nullptr) {
            FreePiece* piece = list.first;
            list.first = piece->next;
            --list.count;
            ASAN_UNPOISON_MEMORY_REGION(piece, (index + 1) * kClassBytes);
            return piece;
        }
    }
    return allocate_or_die((index + 1) * kClassBytes);
}

void MemoryPool::free(void* memory, size_t size_bytes) noexcept {
    const size_t index = (size_bytes - 1) / kClassBytes;
    if (index < kClasses && current_pool != nullptr) {
        FreeList& list = current_pool->lists_[index];
        if (list.count < kBytesPerClassMax / ((index + 1) * kClassBytes)) {
            list.first = new (memory) FreePiece{list.first};
            ++list.count;
            // Whoever still looks at it is told of by the sanitizer, as after free().
            ASAN_POISON_MEMORY_REGION(list.first + 1,
                                      (index + 1) * kClassBytes - sizeof(FreePiece));
            return;
        }
    }
    std::free(memory);
}

}  // namespace sluice
