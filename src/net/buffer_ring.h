// BufferRing: the memory that the kernel receives into, one region per shard.
//
// Blocks are handed to the kernel through a provided-buffer ring; what it wrote comes back as
// slices. With incremental buffers (Linux 6.12) many small messages share one block. A block is
// free again when the kernel has finished with it and no slice looks at it.
//
// Only a small window of blocks is given to the kernel at a time, most recently used first: the
// kernel takes buffers in order, and a ring of megabytes would put every receive into cold memory.
// The window grows when the kernel runs out of it. Blocks that were never used are never touched,
// so the region costs address space until traffic needs it; trim() returns it after a burst.
//
// "No buffers" is not an error: a receiver that met it waits on the list here and is called when
// blocks are back. There is no timer in that path.
#pragma once

#include <cstdint>
#include <memory>

#include "base/intrusive_list.h"
#include "base/prefetch.h"
#include "base/result.h"
#include "base/slice.h"
#include "net/options.h"
#include "net/ring.h"

namespace sluice::net {

struct BufferRingCounters {
    uint64_t exhausted = 0;  // Receives that ended for want of a buffer.
    uint64_t published = 0;  // Blocks given to the kernel.
};

class BufferRing final : private BlockOwner {
public:
    // A receiver that waits for blocks.
    struct Waiter : ListNode {
        void (*on_buffers)(Waiter& waiter) = nullptr;
    };

    static Result<std::unique_ptr<BufferRing>> create(Ring& ring, const BufferRingOptions& options);
    // Every slice must be gone and the kernel must have no receive in flight.
    ~BufferRing();
    BufferRing(const BufferRing&) = delete;
    BufferRing& operator=(const BufferRing&) = delete;

    uint16_t group() const { return kGroup; }

    // Turns a receive completion with kCompletionBuffer into the slice of what was written.
    Slice take(const Completion& completion);
    // Hints that take() will be called for this one soon.
    void fetch(const Completion& completion) const {
        if ((completion.flags & kCompletionBuffer) != 0) {
            prefetch(&blocks_[completion.flags >> kCompletionBufferShift], sizeof(RingBlock));
        }
    }
    // Call at a receive that ended with ENOBUFS.
    void wait_for_blocks(Waiter& waiter);
    // Gives blocks to the kernel up to the window and calls waiters; once per turn, before submit.
    void replenish();
    // Returns to the system what no slice looks at, and lets the window fall back. That includes
    // the memory of blocks that the kernel holds: it writes into them only inside of our calls of
    // the ring, so the caller must have taken every completion.
    void trim();

    uint32_t free_blocks() const { return free_count_ + (options_.blocks_max - touched_blocks_); }
    // True when so little is left that whoever pins a block for long must copy out.
    bool is_short() const { return free_blocks() <= options_.blocks_max / kShortDivisor; }
    const BufferRingCounters& counters() const { return counters_; }
    uint32_t blocks_in_use() const { return options_.blocks_max - free_blocks(); }

private:
    static constexpr uint16_t kGroup = 0;
    static constexpr uint32_t kShortDivisor = 8;
    static constexpr uint32_t kSharedWindowGrowthMax = 2;
    static constexpr uint32_t kWindowQuietTurns = 4096;

    struct RingBlock : Block {
        uint32_t filled_bytes = 0;  // How far the kernel has written.
        bool is_published = false;  // The kernel holds it, and one reference.
        RingBlock* next_free = nullptr;
    };

    BufferRing(Ring& ring, const BufferRingOptions& options, char* memory);
    void take_back(Block& block) override;
    RingBlock* pop_free();
    uint16_t id_of(const RingBlock& block) const {
        return static_cast<uint16_t>(&block - blocks_.get());
    }

    Ring& ring_;
    const BufferRingOptions options_;
    char* memory_;
    std::unique_ptr<RingBlock[]> blocks_;
    RingBlock* free_ = nullptr;  // Last in, first out: the warmest block goes out first.
    uint32_t free_count_ = 0;
    uint32_t touched_blocks_ = 0;  // Blocks below this index were used at least once.
    uint32_t published_ = 0;       // Blocks that the kernel holds.
    uint32_t window_;
    const uint32_t window_max_;
    uint32_t quiet_turns_ = 0;  // Turns since the kernel last ran out.
    bool has_grown_ = false;    // In this turn.
    IntrusiveList<Waiter> waiters_;
    BufferRingCounters counters_;
};

}  // namespace sluice::net
