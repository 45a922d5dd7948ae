// Chunks grow from 2 KiB to 16 KiB; a larger request gets a chunk of its own size.
#include "base/arena.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <new>
#include <string_view>
#include <utility>

#include "base/memory_pool.h"

namespace sluice {

void* Arena::allocate(size_t size_bytes, size_t alignment) {
    const auto at = reinterpret_cast<uintptr_t>(next_);
    const uintptr_t aligned = (at + alignment - 1) & ~(uintptr_t{alignment} - 1);
    const size_t needed = (aligned - at) + size_bytes;
    if (next_ == nullptr || needed > static_cast<size_t>(end_ - next_)) [[unlikely]] {
        return allocate_slow(size_bytes, alignment);
    }
    next_ += needed;
    return next_ - size_bytes;
}

void* Arena::allocate_slow(size_t size_bytes, size_t alignment) {
    const size_t wanted = sizeof(Chunk) + alignment + size_bytes;
    const size_t usual =
        chunk_ == nullptr ? kFirstChunkBytes : std::min(chunk_->size_bytes * 2, kChunkBytesMax);
    const size_t chunk_bytes = std::max(wanted, usual);
    void* memory = MemoryPool::allocate(chunk_bytes);
    chunk_ = new (memory) Chunk{chunk_, chunk_bytes};
    reserved_bytes_ += chunk_bytes;
    next_ = static_cast<char*>(memory) + sizeof(Chunk);
    end_ = static_cast<char*>(memory) + chunk_bytes;
    return allocate(size_bytes, alignment);
}

std::string_view Arena::copy(std::string_view text) {
    if (text.empty()) {
        return {};
    }
    auto* to = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
}

std::string_view Arena::join(std::initializer_list<std::string_view> parts) {
    size_t total = 0;
    for (const std::string_view part : parts) {
        total += part.size();
    }
    auto* to = static_cast<char*>(allocate(total, 1));
    size_t at = 0;
    for (const std::string_view part : parts) {
        if (!part.empty()) {
            std::memcpy(to + at, part.data(), part.size());
            at += part.size();
        }
    }
    return {to, total};
}

void Arena::reset() {
    while (chunk_ != nullptr) {
        Chunk* previous = chunk_->previous;
        MemoryPool::free(chunk_, chunk_->size_bytes);
        chunk_ = previous;
    }
    next_ = end_ = nullptr;
    reserved_bytes_ = 0;
}

void Arena::clear() {
    if (chunk_ == nullptr) {
        return;
    }
    Chunk* const kept = std::exchange(chunk_, chunk_->previous);
    const size_t kept_bytes = kept->size_bytes;
    reset();
    chunk_ = new (kept) Chunk{nullptr, kept_bytes};
    reserved_bytes_ = kept_bytes;
    next_ = reinterpret_cast<char*>(kept) + sizeof(Chunk);
    end_ = reinterpret_cast<char*>(kept) + kept_bytes;
}

}  // namespace sluice
