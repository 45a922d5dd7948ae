// The list of loose blocks by age, and the accounts of tokens.
#include "llm-fleet/block_cache.h"

#include <cstdint>
#include <span>

namespace sluice::llm_fleet {

uint32_t BlockCache::leading(std::span<const uint64_t> blocks) const {
    uint32_t count = 0;
    while (count < blocks.size() && index_.contains(blocks[count])) {
        ++count;
    }
    return count;
}

void BlockCache::use(uint64_t block, uint32_t tokens) {
    if (const auto found = index_.find(block); found != index_.end()) {
        if (nodes_[found->second].pins == 0) {
            unlink(found->second);
            link_newest(found->second);
        }
        return;
    }
    if (!reserve(tokens)) {
        return;
    }
    release(tokens);
    link_newest(make_node(block, tokens));
}

bool BlockCache::pin(uint64_t block) {
    const auto found = index_.find(block);
    if (found == index_.end()) {
        return false;
    }
    Node& node = nodes_[found->second];
    if (node.pins == 0) {
        unlink(found->second);
        pinned_tokens_ += node.tokens;
    }
    ++node.pins;
    return true;
}

void BlockCache::add_pinned(uint64_t block, uint32_t tokens) {
    nodes_[make_node(block, tokens)].pins = 1;
    pinned_tokens_ += tokens;
}

void BlockCache::unpin(uint64_t block) {
    const auto found = index_.find(block);
    if (found == index_.end()) {
        return;
    }
    Node& node = nodes_[found->second];
    if (--node.pins == 0) {
        pinned_tokens_ -= node.tokens;
        link_newest(found->second);
    }
}

bool BlockCache::reserve(uint64_t tokens) {
    if (capacity_tokens_ - held_tokens() < tokens) {
        return false;
    }
    while (capacity_tokens_ - held_tokens() - loose_tokens_ < tokens) {
        evict_oldest();
    }
    reserved_tokens_ += tokens;
    return true;
}

void BlockCache::clear() {
    index_.clear();
    nodes_.clear();
    free_.clear();
    loose_tokens_ = pinned_tokens_ = reserved_tokens_ = 0;
    oldest_ = newest_ = kNone;
}

uint32_t BlockCache::make_node(uint64_t block, uint32_t tokens) {
    uint32_t at = static_cast<uint32_t>(nodes_.size());
    if (free_.empty()) {
        nodes_.emplace_back();
    } else {
        at = free_.back();
        free_.pop_back();
    }
    nodes_[at] = {.block = block, .tokens = tokens};
    index_.emplace(block, at);
    return at;
}

void BlockCache::link_newest(uint32_t at) {
    Node& node = nodes_[at];
    node.before = newest_;
    node.after = kNone;
    (newest_ == kNone ? oldest_ : nodes_[newest_].after) = at;
    newest_ = at;
    loose_tokens_ += node.tokens;
}

void BlockCache::unlink(uint32_t at) {
    const Node& node = nodes_[at];
    (node.before == kNone ? oldest_ : nodes_[node.before].after) = node.after;
    (node.after == kNone ? newest_ : nodes_[node.after].before) = node.before;
    loose_tokens_ -= node.tokens;
}

void BlockCache::evict_oldest() {
    const uint32_t at = oldest_;
    unlink(at);
    index_.erase(nodes_[at].block);
    free_.push_back(at);
}

}  // namespace sluice::llm_fleet
