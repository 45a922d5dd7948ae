// Heap blocks: one allocation holds the Block and its bytes; freed with the last slice.
#include "base/slice.h"

#include <cstring>
#include <new>
#include <string_view>

#include "base/memory_pool.h"

namespace sluice {

namespace {

class HeapBlockOwner final : public BlockOwner {
public:
    void take_back(Block& block) override {
        MemoryPool::free(&block, sizeof(Block) + block.size_bytes);
    }
};

constinit HeapBlockOwner heap_blocks;

}  // namespace

Slice Slice::allocate(uint32_t length) {
    void* memory = MemoryPool::allocate(sizeof(Block) + length);
    auto* block = new (memory) Block;
    block->data = static_cast<char*>(memory) + sizeof(Block);
    block->size_bytes = length;
    block->owner = &heap_blocks;
    return {*block, 0, length};
}

Slice Slice::copy_of(std::string_view bytes) {
    Slice slice = allocate(static_cast<uint32_t>(bytes.size()));
    if (!bytes.empty()) {
        std::memcpy(slice.block()->data, bytes.data(), bytes.size());
    }
    return slice;
}

}  // namespace sluice
