// BlockCache: which blocks of prompts a server still has, least recently used out first.
//
// Blocks in use are pinned and stay. Memory that requests under way need beside them is reserved
// from the same capacity, so that a busy server caches less. An engine owns it.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace sluice::llm_fleet {

class BlockCache {
public:
    explicit BlockCache(uint64_t capacity_tokens) : capacity_tokens_(capacity_tokens) {}

    // How many blocks from the first on are there.
    uint32_t leading(std::span<const uint64_t> blocks) const;
    bool has(uint64_t block) const { return index_.contains(block); }

    // It is the most recently used now, and there, if it fits. Does nothing to a pinned one.
    void use(uint64_t block, uint32_t tokens);
    // Once more; true when it is there. What is pinned counts as held.
    bool pin(uint64_t block);
    // Adds one that is not there, pinned. There must be room: see reserve() and release().
    void add_pinned(uint64_t block, uint32_t tokens);
    // The last one makes it the most recently used.
    void unpin(uint64_t block);

    // Takes memory beside the blocks, from blocks that are not pinned if need be. False, and
    // nothing is changed, when there is not so much.
    bool reserve(uint64_t tokens);
    void release(uint64_t tokens) { reserved_tokens_ -= tokens; }

    uint64_t capacity_tokens() const { return capacity_tokens_; }
    // Pinned blocks and reserved memory.
    uint64_t held_tokens() const { return pinned_tokens_ + reserved_tokens_; }
    uint64_t block_tokens() const { return pinned_tokens_ + loose_tokens_; }
    void clear();

private:
    static constexpr uint32_t kNone = UINT32_MAX;
    // Of blocks that are not pinned, a list from the least to the most recently used.
    struct Node {
        uint64_t block = 0;
        uint32_t tokens = 0;
        uint32_t pins = 0;
        uint32_t before = kNone;
        uint32_t after = kNone;
    };

    uint32_t make_node(uint64_t block, uint32_t tokens);
    void link_newest(uint32_t at);
    void unlink(uint32_t at);
    void evict_oldest();

    uint64_t capacity_tokens_;
    uint64_t loose_tokens_ = 0;
    uint64_t pinned_tokens_ = 0;
    uint64_t reserved_tokens_ = 0;
    std::unordered_map<uint64_t, uint32_t> index_;
    std::vector<Node> nodes_;
    std::vector<uint32_t> free_;
    uint32_t oldest_ = kNone;
    uint32_t newest_ = kNone;
};

}  // namespace sluice::llm_fleet
