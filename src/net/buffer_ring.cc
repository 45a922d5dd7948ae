// Blocks between the kernel, the slices and the free list.
#include "net/buffer_ring.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/result.h"
#include "base/slice.h"
#include "net/os_error.h"

namespace sluice::net {

Result<std::unique_ptr<BufferRing>> BufferRing::create(Ring& ring,
                                                       const BufferRingOptions& options) {
    const size_t size_bytes = size_t{options.block_bytes} * options.blocks_max;
    void* memory = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return fail(os_error(errno, ErrorSource::gateway, "mapping receive buffers"));
    }
    if (Status status = ring.register_buffer_ring(kGroup, options.blocks_max); !status) {
        ::munmap(memory, size_bytes);
        return fail(status.error());
    }
    return std::unique_ptr<BufferRing>(new BufferRing(ring, options, static_cast<char*>(memory)));
}

BufferRing::BufferRing(Ring& ring, const BufferRingOptions& options, char* memory)
    : ring_(ring),
      options_(options),
      memory_(memory),
      blocks_(std::make_unique<RingBlock[]>(options.blocks_max)),
      window_(std::min(options.window_blocks, options.blocks_max)),
      // Shared blocks run out only under bulk, which is cheaper in warm memory and turn by turn.
      window_max_(ring.features().incremental_buffers
                      ? std::min(window_ * kSharedWindowGrowthMax, options.blocks_max)
                      : options.blocks_max) {
    for (uint32_t i = 0; i < options_.blocks_max; ++i) {
        blocks_[i].data = memory_ + size_t{i} * options_.block_bytes;
        blocks_[i].size_bytes = options_.block_bytes;
        blocks_[i].owner = this;
    }
    replenish();
}

BufferRing::~BufferRing() {
    // Every block is home: only the kernel's own references are left, one on each published block.
    for (uint32_t i = 0; i < touched_blocks_; ++i) {
        SLUICE_ASSERT(blocks_[i].references <= 1);
    }
    SLUICE_ASSERT(free_count_ + published_ == touched_blocks_);
    ::munmap(memory_, size_t{options_.block_bytes} * options_.blocks_max);
}

Slice BufferRing::take(const Completion& completion) {
    SLUICE_ASSERT((completion.flags & kCompletionBuffer) != 0 && completion.result >= 0);
    const uint32_t id = completion.flags >> kCompletionBufferShift;
    SLUICE_ASSERT(id < touched_blocks_);
    RingBlock& block = blocks_[id];
    const auto received = static_cast<uint32_t>(completion.result);
    SLUICE_ASSERT(block.references > 0 && received <= block.size_bytes - block.filled_bytes);
    Slice slice(block, block.filled_bytes, received);
    block.filled_bytes += received;
    if ((completion.flags & kCompletionBufferMore) == 0) {
        --published_;
        block.is_published = false;
        block.release();
    }
    return slice;
}

void BufferRing::take_back(Block& block) {
    auto& mine = static_cast<RingBlock&>(block);
    mine.filled_bytes = 0;
    mine.next_free = free_;
    free_ = &mine;
    ++free_count_;
}

BufferRing::RingBlock* BufferRing::pop_free() {
    if (free_ != nullptr) {
        RingBlock* block = free_;
        free_ = block->next_free;
        --free_count_;
        return block;
    }
    return touched_blocks_ < options_.blocks_max ? &blocks_[touched_blocks_++] : nullptr;
}

void BufferRing::wait_for_blocks(Waiter& waiter) {
    ++counters_.exhausted;
    quiet_turns_ = 0;
    // Once in a turn: a burst that meets an empty window fails many receives together.
    if (!std::exchange(has_grown_, true)) {
        window_ = std::min(window_ * 2, window_max_);
    }
    if (!waiter.is_linked()) {
        waiters_.push_back(waiter);
    }
}

void BufferRing::replenish() {
    has_grown_ = false;
    if (window_ > options_.window_blocks && ++quiet_turns_ >= kWindowQuietTurns) {
        quiet_turns_ = 0;
        window_ = std::max(options_.window_blocks, window_ / 2);
    }
    bool added = false;
    while (published_ < window_) {
        RingBlock* block = pop_free();
        if (block == nullptr) {
            break;
        }
        block->references = 1;  // The kernel's.
        block->is_published = true;
        ring_.provide_buffer(kGroup, block->data, block->size_bytes, id_of(*block));
        ++published_;
        ++counters_.published;
        added = true;
    }
    if (added) {
        ring_.publish_buffers(kGroup);
    }
    if (published_ == 0) {
        return;
    }
    // Those who fail again for want of blocks join the list anew, hence the copy.
    IntrusiveList<Waiter> ready;
    waiters_.move_all_to(ready);
    while (Waiter* waiter = ready.pop_front()) {
        waiter->on_buffers(*waiter);
    }
}

void BufferRing::trim() {
    // The system takes whole pages: of smaller blocks it would take what lies beside a free one.
    if (options_.block_bytes % static_cast<size_t>(::sysconf(_SC_PAGESIZE)) != 0) {
        return;
    }
    window_ = options_.window_blocks;
    for (uint32_t i = 0; i < touched_blocks_; ++i) {
        const RingBlock& block = blocks_[i];
        if (block.references == (block.is_published ? 1U : 0U)) {
            ::madvise(block.data, block.size_bytes, MADV_DONTNEED);
        }
    }
}

}  // namespace sluice::net
