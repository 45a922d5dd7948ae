// SubmitScratch: what the kernel reads between the preparing of an operation and its submission.
//
// Owned by the ring, one shard; emptied after every submit.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/assert.h"

namespace sluice::net {

// Memory for message headers and iovecs until the next submit, by which time the kernel has copied
// them (IORING_FEAT_SUBMIT_STABLE, Linux 5.5).
class SubmitScratch {
public:
    void* allocate(size_t size_bytes) {
        size_bytes =
            (size_bytes + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
        if (chunk_ == chunks_.size() || used_bytes_ + size_bytes > kChunkBytes) {
            next_chunk(size_bytes);
        }
        void* memory = chunks_[chunk_].get() + used_bytes_;
        used_bytes_ += size_bytes;
        return memory;
    }
    void reset() {
        chunk_ = 0;
        used_bytes_ = 0;
    }

private:
    static constexpr size_t kChunkBytes = 65536;

    void next_chunk(size_t size_bytes) {
        SLUICE_ASSERT(size_bytes <= kChunkBytes);
        if (chunk_ < chunks_.size()) {
            ++chunk_;
        }
        if (chunk_ == chunks_.size()) {
            chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunkBytes));
        }
        used_bytes_ = 0;
    }

    std::vector<std::unique_ptr<std::byte[]>> chunks_;
    size_t chunk_ = 0;
    size_t used_bytes_ = 0;
};

}  // namespace sluice::net
