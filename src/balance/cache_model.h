// CacheModel: which of the blocks that were sent to a target its cache still has, by a model of it:
// so many tokens, the least recently used goes first.
//
// Blocks are stamped with the generation in which they were used last; a generation ends after a
// thirty-second of the capacity. The model counts tokens per generation, moves them when a block is
// used again, and lets the oldest generation go when there are too many: this is LRU, but for the
// order within a generation, and nothing has to be swept. Any shard; races cost a few tokens.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace sluice::balance {

class alignas(64) CacheModel {
public:
    static constexpr uint32_t kGenerations = 32;
    // Generations that are counted apart, the newest among them.
    static constexpr uint32_t kRing = 64;
    static constexpr uint32_t kStampBits = 20;
    static constexpr uint32_t kStampMask = (1U << kStampBits) - 1;

    // The generations that are in the cache, read at once.
    struct Span {
        uint32_t now = 0;
        uint32_t oldest = 0;

        bool has(uint32_t stamp) const { return age(stamp) <= now - oldest; }
        uint32_t age(uint32_t stamp) const { return (now - stamp) & kStampMask; }
        uint32_t stamp() const { return now & kStampMask; }
    };
    Span span() const {
        const uint64_t word = span_.load(std::memory_order_relaxed);
        return {static_cast<uint32_t>(word >> 32U), static_cast<uint32_t>(word)};
    }

    void set_capacity(uint64_t tokens);
    uint64_t capacity() const;
    // By what the target says it had: by a factor, within a quarter of the configured and four
    // times it.
    void scale_capacity(double factor);

    // What one prompt did: tokens of blocks that were not there, and those of blocks that were, by
    // the age of their stamps.
    struct Use {
        int64_t fresh_tokens = 0;
        std::array<int32_t, kRing> moved_tokens = {};
        bool has_moved = false;
    };
    void use(const Span& span, const Use& use);
    // It holds nothing any more.
    void clear();
    int64_t held_tokens() const { return held_.load(std::memory_order_relaxed); }

    void copy_from(const CacheModel& other);

private:
    bool advance(uint64_t seen, uint32_t now, uint32_t oldest);

    // The newest generation above, the oldest that is held below. Stamps begin with 1.
    std::atomic<uint64_t> span_ = uint64_t{1} << 32U | 1U;
    std::atomic<int64_t> held_ = 0;
    std::atomic<int64_t> capacity_ = 0;
    int64_t configured_ = 0;
    std::array<std::atomic<int64_t>, kRing> tokens_ = {};
};

}  // namespace sluice::balance
