// The linker sends every call of malloc here (--wrap=malloc), and operator new calls it as well.
#include "allocation_count.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

uint64_t count = 0;

}  // namespace

extern "C" {
// The names that `ld --wrap=malloc` chooses.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
void* __real_malloc(size_t size_bytes);
void* __wrap_malloc(size_t size_bytes) {
    ++count;
    return __real_malloc(size_bytes);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
}

// The library's own operator is not linked with the wrapped malloc. This one is, which counts.
void* operator new(std::size_t size) {
    void* const memory = std::malloc(size);
    if (memory == nullptr) {
        std::abort();
    }
    return memory;
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace sluice {

uint64_t allocation_count() {
    return count;
}

}  // namespace sluice
