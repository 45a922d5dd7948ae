// Hints to the processor about memory that is needed in a moment.
//
// A shard with thousands of paced streams finds every one of them cold: between two events of a
// stream, the others have used the cache. Work comes in batches, so what the next ones need is
// known early enough to be fetched while the current one runs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

inline constexpr size_t kCacheLineBytes = 64;

// Never faults; the memory need not exist any more.
inline void prefetch(const void* memory, size_t size_bytes) {
    // A number, because a pointer may not point where nothing is.
    const auto begin = reinterpret_cast<uintptr_t>(memory);
    for (size_t offset = 0; offset < size_bytes; offset += kCacheLineBytes) {
        __builtin_prefetch(reinterpret_cast<const void*>(begin + offset));
    }
}

}  // namespace sluice
