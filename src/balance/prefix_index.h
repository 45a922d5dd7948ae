// PrefixIndex: which targets have how much of a prompt in their caches, as far as we sent it there.
//
// A table from the chain hash of a block to the targets it was sent to, each with the generation of
// that target's CacheModel, which tells whether the block is still there. Shared by all shards:
// reads take no lock, writes are stores of single words, and what a race loses is a hit. Of a fixed
// size: a new block takes the place of the one among its neighbours that was used least recently.
//
// A place has room for a few targets (6, 14 or 30, by the number there are). Text that more targets
// than that have is common to all of them and counts as a hit everywhere. Since a hash stands for
// all text before it, the depth of a hit is found by halving, not by walking.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "balance/cache_model.h"

namespace sluice::balance {

class PrefixIndex {
public:
    static constexpr size_t kIdsMax = 4096;
    static constexpr size_t kHitsMax = 30;

    // For so many targets that hold so many tokens together.
    struct Size {
        size_t targets = 0;
        uint64_t cache_tokens = 0;
        uint64_t bytes_max = 0;

        bool operator==(const Size&) const = default;
    };
    explicit PrefixIndex(const Size& size);
    PrefixIndex(const PrefixIndex&) = delete;
    PrefixIndex& operator=(const PrefixIndex&) = delete;

    // Whether one that is made for this size would have another shape.
    bool fits(const Size& size) const;
    // What another one knows, by the same ids. Before this one is shared.
    void take_over(const PrefixIndex& other);

    // --- The control thread's: numbers of targets, which outlive reloads.
    uint16_t claim(uint64_t cache_tokens);
    void set_capacity(uint16_t id, uint64_t cache_tokens);
    void release(uint16_t id);

    // --- Any shard's.
    struct Hit {
        uint16_t id;
        uint32_t blocks;  // From the beginning of the prompt.
    };
    struct Found {
        uint32_t common_blocks = 0;  // That every target has.
        size_t count = 0;
    };
    Found find(std::span<const uint64_t> blocks, std::span<Hit, kHitsMax> hits) const;
    // A prompt of so many tokens goes to a target.
    void insert(uint16_t id, std::span<const uint64_t> blocks, uint32_t tokens);
    // The target has lost what it had.
    void clear(uint16_t id) { caches_[id].clear(); }
    CacheModel& cache(uint16_t id) { return caches_[id]; }

    size_t bytes() const { return entries_ * entry_bytes() + ids_ * sizeof(CacheModel); }
    size_t entries() const { return entries_; }
    size_t ids() const { return ids_; }

private:
    struct Probe;
    class Bounds;
    struct Free {
        void operator()(void* memory) const;
    };

    static size_t slots_for(size_t targets);
    static size_t entries_for(const Size& size);
    size_t entry_bytes() const { return sizeof(uint64_t) + slots_ * sizeof(uint32_t); }
    uint64_t& key_at(size_t entry) const;
    std::span<uint32_t> slots_at(size_t entry) const;
    bool is_fresh(uint32_t slot) const;
    Probe probe_at(uint64_t hash) const;
    void prefetch(uint64_t hash) const;
    std::optional<size_t> find_entry(uint64_t hash) const;
    size_t make_entry(uint64_t hash, uint32_t now);
    uint32_t time_now() const;
    void touch(size_t entry, uint32_t now);
    void stamp(size_t entry,
               uint16_t id,
               const CacheModel::Span& span,
               int32_t tokens,
               CacheModel::Use& use);
    uint32_t* choose_slot(size_t entry);

    size_t slots_;
    size_t entries_;  // A power of two.
    size_t ids_;
    std::unique_ptr<void, Free> memory_;
    char* table_ = nullptr;  // In memory_.
    std::unique_ptr<CacheModel[]> caches_;
    std::vector<bool> claimed_;
    std::atomic<uint64_t> made_ = 0;  // Entries so far, which is the table's clock.
};

}  // namespace sluice::balance
