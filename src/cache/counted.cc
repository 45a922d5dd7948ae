// The one question to the allocator, which answers for whichever is linked: glibc's or mimalloc.
#include "cache/counted.h"

#include <cstddef>

#include <malloc.h>

namespace sluice::cache {

size_t allocated_bytes(const void* memory) {
    return ::malloc_usable_size(const_cast<void*>(memory)) + sizeof(size_t);
}

}  // namespace sluice::cache
