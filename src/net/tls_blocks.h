// TlsBlocks: the memory that the TLS streams of one shard decrypt into and encrypt into.
//
// Two sizes of heap block with a short free list each, so that a stream holds memory only while
// bytes are in it and an event in steady state allocates nothing. One per shard; it outlives every
// stream made with it, the TCP streams below included.
#pragma once

#include <cstdint>

#include "base/slice.h"

namespace sluice::net {

class TlsBlocks final : private BlockOwner {
public:
    TlsBlocks() = default;
    // Every slice must be gone.
    ~TlsBlocks();
    TlsBlocks(const TlsBlocks&) = delete;
    TlsBlocks& operator=(const TlsBlocks&) = delete;

    // An empty slice at the start of a block that nobody else looks at; it keeps the block. The
    // large size when `wanted_bytes` does not fit into the small one.
    Slice take(size_t wanted_bytes);
    // Frees what is not in use; for a quiet shard.
    void trim();

    // Blocks that came from the general allocator, since the beginning.
    uint64_t allocated_total() const { return allocated_total_; }
    uint32_t in_use() const { return in_use_; }

    // A page, and a size class of the allocator that takes a whole record (16 KiB and 22 bytes).
    static constexpr uint32_t kSmallBytes = 4096 - sizeof(Block);
    static constexpr uint32_t kLargeBytes = 20480 - sizeof(Block);

private:
    // What stays here unused: 640 KiB a shard. More than one turn of a busy shard has in flight,
    // and little against what a burst of streams held.
    static constexpr uint32_t kSmallKeptMax = 80;
    static constexpr uint32_t kLargeKeptMax = 16;

    struct FreeList {
        Block* first = nullptr;  // The next one is named in the first bytes of the block's data.
        uint32_t count = 0;
    };

    void take_back(Block& block) override;
    Block& pop_or_allocate(FreeList& list, uint32_t size_bytes);
    static void free_all(FreeList& list);

    FreeList small_;
    FreeList large_;
    uint64_t allocated_total_ = 0;
    uint32_t in_use_ = 0;
};

}  // namespace sluice::net
