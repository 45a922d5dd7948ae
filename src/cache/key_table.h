// KeyTable: finds objects by their CacheKey, for the entries of a shard and the calls under way.
//
// Chains through the objects, and a table that grows by splitting one bucket for each object that
// is put in (linear hashing, Litwin 1980), so that no insertion pays for all. It never shrinks;
// its bytes are counted. Owns nothing. One shard.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "cache/cache_key.h"

namespace sluice::cache {

// T has `KeyRef key` and `T* next_in_bucket`.
template <class T>
class KeyTable {
public:
    KeyTable() : buckets_(kBucketsMin, nullptr) {}

    size_t size() const { return size_; }
    size_t memory_bytes() const { return buckets_.capacity() * sizeof(T*); }

    T* find(const CacheKey& key) const {
        for (T* item = buckets_[index_of(key)]; item != nullptr; item = item->next_in_bucket) {
            if (*item->key == key) {
                return item;
            }
        }
        return nullptr;
    }
    // No equal key may be there.
    void insert(T& item) {
        if (++size_ > buckets_.size()) {
            split();
        }
        push(item);
    }
    void remove(T& item) {
        T** link = &buckets_[index_of(*item.key)];
        while (*link != &item) {
            SLUICE_ASSERT(*link != nullptr);
            link = &(*link)->next_in_bucket;
        }
        *link = item.next_in_bucket;
        --size_;
    }

    // For walks in parts: while objects come, the buckets behind a position only grow in number,
    // and what moves goes to the last one.
    size_t buckets() const { return buckets_.size(); }
    T* first_in(size_t bucket) const { return buckets_[bucket]; }

private:
    static constexpr size_t kBucketsMin = 64;

    size_t index_of(const CacheKey& key) const {
        const uint64_t hash = key.table_hash();
        const size_t half = std::bit_floor(buckets_.size());
        const size_t wide = hash & (2 * half - 1);
        return wide < buckets_.size() ? wide : hash & (half - 1);
    }
    void push(T& item) {
        T*& first = buckets_[index_of(*item.key)];
        item.next_in_bucket = first;
        first = &item;
    }
    void split() {
        const size_t from = buckets_.size() - std::bit_floor(buckets_.size());
        buckets_.push_back(nullptr);
        T* item = buckets_[from];
        buckets_[from] = nullptr;
        while (item != nullptr) {
            T* const following = item->next_in_bucket;
            push(*item);
            item = following;
        }
    }

    std::vector<T*> buckets_;  // The head of each chain.
    size_t size_ = 0;
};

}  // namespace sluice::cache
