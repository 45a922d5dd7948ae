// Free lists of TLS blocks.
#include "net/tls_blocks.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/assert.h"
#include "base/slice.h"

namespace sluice::net {

namespace {

Block* next_of(const Block& block) {
    Block* next = nullptr;
    std::memcpy(static_cast<void*>(&next), block.data, sizeof(Block*));
    return next;
}

void free_block(Block& block) {
    block.~Block();
    std::free(static_cast<void*>(&block));
}

}  // namespace

TlsBlocks::~TlsBlocks() {
    SLUICE_ASSERT(in_use_ == 0);
    trim();
}

void TlsBlocks::trim() {
    free_all(small_);
    free_all(large_);
}

void TlsBlocks::free_all(FreeList& list) {
    while (list.first != nullptr) {
        Block& block = *list.first;
        list.first = next_of(block);
        free_block(block);
    }
    list.count = 0;
}

Slice TlsBlocks::take(size_t wanted_bytes) {
    Block& block = wanted_bytes > kSmallBytes ? pop_or_allocate(large_, kLargeBytes)
                                              : pop_or_allocate(small_, kSmallBytes);
    ++in_use_;
    return {block, 0, 0};
}

Block& TlsBlocks::pop_or_allocate(FreeList& list, uint32_t size_bytes) {
    if (list.first != nullptr) {
        Block& block = *list.first;
        list.first = next_of(block);
        --list.count;
        return block;
    }
    ++allocated_total_;
    void* memory = std::malloc(sizeof(Block) + size_bytes);
    SLUICE_ASSERT(memory != nullptr);
    auto* block = new (memory) Block;
    block->data = static_cast<char*>(memory) + sizeof(Block);
    block->size_bytes = size_bytes;
    block->owner = this;
    return *block;
}

void TlsBlocks::take_back(Block& block) {
    --in_use_;
    const bool is_small = block.size_bytes == kSmallBytes;
    FreeList& list = is_small ? small_ : large_;
    if (list.count == (is_small ? kSmallKeptMax : kLargeKeptMax)) {
        free_block(block);
        return;
    }
    std::memcpy(block.data, static_cast<const void*>(&list.first), sizeof(Block*));
    list.first = &block;
    ++list.count;
}

}  // namespace sluice::net
