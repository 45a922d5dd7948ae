// Arena: bump allocation for what lives exactly as long as one exchange.
//
// Small blocks from the shard's memory pool, all given back at reset. Nothing in it is destroyed,
// so only trivially destructible things go in. One shard, one exchange.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sluice {

class Arena {
public:
    Arena() = default;
    ~Arena() { reset(); }
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // Uninitialised bytes; never null (running out of memory ends the process).
    void* allocate(size_t size_bytes, size_t alignment = alignof(std::max_align_t));
    // Gives back the end of the latest allocation, if `memory` is that; for writers that took more
    // than they needed.
    void shrink_latest(void* memory, size_t from_bytes, size_t to_bytes) {
        if (static_cast<char*>(memory) + from_bytes == next_) {
            next_ -= from_bytes - to_bytes;
        }
    }
    std::string_view copy(std::string_view text);
    std::string_view join(std::initializer_list<std::string_view> parts);

    template <class T>
    std::span<T> allocate_array(size_t count) {
        static_assert(std::is_trivially_destructible_v<T>);
        // NOLINTNEXTLINE(bugprone-sizeof-expression): of pointers, where T is one.
        auto* items = static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
        for (size_t i = 0; i < count; ++i) {
            new (static_cast<void*>(items + i)) T();
        }
        return {items, count};
    }

    template <class T, class... Arguments>
    T& make(Arguments&&... arguments) {
        static_assert(std::is_trivially_destructible_v<T>);
        return *new (allocate(sizeof(T), alignof(T))) T(std::forward<Arguments>(arguments)...);
    }

    // Frees everything that was handed out.
    void reset();
    // Likewise, but keeps the latest chunk, for work that comes again and again.
    void clear();
    // Bytes held from the pool.
    size_t reserved_bytes() const { return reserved_bytes_; }

private:
    // First chunk: a request head, its header table and an upstream head fit for most requests.
    static constexpr size_t kFirstChunkBytes = 2048 - 64;
    static constexpr size_t kChunkBytesMax = 16384;

    struct Chunk {
        Chunk* previous;
        size_t size_bytes;
    };

    void* allocate_slow(size_t size_bytes, size_t alignment);

    Chunk* chunk_ = nullptr;
    char* next_ = nullptr;
    char* end_ = nullptr;
    size_t reserved_bytes_ = 0;
};

}  // namespace sluice
