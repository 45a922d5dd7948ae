// ResponseCache: the finished replies that one shard keeps, least recently used last.
//
// Bounded by bytes and by entries; bytes are what the allocator holds for bodies, keys, nodes and
// the table. Knows nothing of other shards; time comes by argument. One per shard; its counters may
// be read by any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/intrusive_list.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/key_table.h"
#include "cache/reply.h"
#include "crypto/digest.h"

namespace sluice::cache {

struct CacheStatistics {
    uint64_t hits = 0;
    uint64_t misses = 0;
    uint64_t stores = 0;
    uint64_t replacements = 0;  // By a store under the same key.
    uint64_t evictions = 0;     // To make room.
    uint64_t expirations = 0;   // Found to be too old.
    uint64_t invalidations = 0;
    uint64_t refusals = 0;  // Too large to be kept.
    uint64_t bytes = 0;
    uint64_t entries = 0;

    CacheStatistics& operator+=(const CacheStatistics& other);
};

// Which entries are meant: all for which everything that is set holds.
struct CacheScope {
    std::optional<std::string> tenant = {};
    std::optional<std::string> model = {};
    std::optional<crypto::Sha256> digest = {};

    bool covers(const CacheKey& key) const;
};

// An entry as it leaves one store for another, or for a file.
struct StoredEntry {
    KeyRef key;
    ReplyRef reply;
    Instant stored_at;
    Instant expires_at;
    Instant used_at;
};

struct StoreLimits {
    uint64_t bytes_max = 0;
    uint32_t entries_max = 0;
    uint64_t entry_bytes_max = 0;
};

class ResponseCache {
public:
    explicit ResponseCache(const StoreLimits& limits);
    ~ResponseCache();
    ResponseCache(const ResponseCache&) = delete;
    ResponseCache& operator=(const ResponseCache&) = delete;

    struct Found {
        ReplyRef reply;  // Null on a miss.
        Duration age;
    };
    // Counts a hit or a miss.
    Found find(const CacheKey& key, Instant now);

    // Replaces what was there. False when the entry is too large.
    bool store(KeyRef key, ReplyRef reply, Instant now, Duration ttl);
    // As it was elsewhere, behind all that is there: entries come latest use first. False when it
    // has expired, is too large, or its key is there already.
    bool restore(StoredEntry entry, Instant now);

    // Removes what lies in `scope` and was stored before entry number `before`, in the buckets from
    // `bucket` on, a bounded number of them. Advances `bucket`; returns how many went.
    uint32_t invalidate_some(const CacheScope& scope, uint64_t before, size_t& bucket);
    bool is_walk_over(size_t bucket) const { return bucket >= table_.buckets(); }
    // The number that the next stored entry will have.
    uint64_t next_number() const { return next_number_; }

    // Everything that has not expired, latest use first.
    void export_to(std::vector<StoredEntry>& entries, Instant now);
    // From any thread.
    CacheStatistics statistics() const;

private:
    // A few microseconds' worth of chains.
    static constexpr size_t kBucketsPerStep = 1024;

    struct Entry final : ListNode {
        KeyRef key;
        ReplyRef reply;
        Entry* next_in_bucket = nullptr;
        Instant stored_at;
        Instant expires_at;
        Instant used_at;
        uint64_t number = 0;
        size_t bytes = 0;
    };
    // Written by the owner, read by whoever reports.
    struct Cells {
        std::atomic<uint64_t> hits = 0;
        std::atomic<uint64_t> misses = 0;
        std::atomic<uint64_t> stores = 0;
        std::atomic<uint64_t> replacements = 0;
        std::atomic<uint64_t> evictions = 0;
        std::atomic<uint64_t> expirations = 0;
        std::atomic<uint64_t> invalidations = 0;
        std::atomic<uint64_t> refusals = 0;
        std::atomic<uint64_t> bytes = 0;
        std::atomic<uint64_t> entries = 0;
    };

    bool put(StoredEntry stored, bool is_newest);
    void drop(Entry& entry, std::atomic<uint64_t>& cause);
    void make_room(Instant now);
    void publish_size();

    const StoreLimits limits_;
    KeyTable<Entry> table_;
    IntrusiveList<Entry> by_use_;  // Latest first.
    size_t bytes_ = 0;             // Without the table.
    uint64_t next_number_ = 1;
    Cells cells_;
};

}  // namespace sluice::cache
