// Every entry is in the table and in the list; drop() is the only way out.
#include "cache/response_cache.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/counted.h"
#include "cache/reply.h"

namespace sluice::cache {

namespace {

// One writer: a load and a store, without a lock prefix.
void add(std::atomic<uint64_t>& cell, uint64_t count = 1) {
    cell.store(cell.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

uint64_t value(const std::atomic<uint64_t>& cell) {
    return cell.load(std::memory_order_relaxed);
}

}  // namespace

CacheStatistics& CacheStatistics::operator+=(const CacheStatistics& other) {
    hits += other.hits;
    misses += other.misses;
    stores += other.stores;
    replacements += other.replacements;
    evictions += other.evictions;
    expirations += other.expirations;
    invalidations += other.invalidations;
    refusals += other.refusals;
    bytes += other.bytes;
    entries += other.entries;
    return *this;
}

bool CacheScope::covers(const CacheKey& key) const {
    return (!tenant || key.tenant() == *tenant) && (!model || key.model() == *model) &&
           (!digest || key.digest() == *digest);
}

ResponseCache::ResponseCache(const StoreLimits& limits) : limits_(limits) {
    publish_size();
}

ResponseCache::~ResponseCache() {
    while (Entry* entry = by_use_.front()) {
        drop(*entry, cells_.evictions);
    }
}

ResponseCache::Found ResponseCache::find(const CacheKey& key, Instant now) {
    Entry* const entry = table_.find(key);
    if (entry == nullptr) {
        add(cells_.misses);
        return {};
    }
    if (entry->expires_at <= now) {
        drop(*entry, cells_.expirations);
        publish_size();
        add(cells_.misses);
        return {};
    }
    add(cells_.hits);
    entry->used_at = now;
    entry->unlink();
    by_use_.push_front(*entry);
    return {entry->reply, now - entry->stored_at};
}

bool ResponseCache::store(KeyRef key, ReplyRef reply, Instant now, Duration ttl) {
    StoredEntry entry{std::move(key), std::move(reply), now, now + ttl, now};
    const bool is_kept = put(std::move(entry), true);
    if (is_kept) {
        add(cells_.stores);
        make_room(now);
    }
    publish_size();
    return is_kept;
}

bool ResponseCache::restore(StoredEntry entry, Instant now) {
    if (entry.expires_at <= now) {
        return false;
    }
    const bool is_kept = put(std::move(entry), false);
    make_room(now);
    publish_size();
    return is_kept;
}

bool ResponseCache::put(StoredEntry stored, bool is_newest) {
    if (Entry* old = table_.find(*stored.key); old != nullptr) {
        if (!is_newest) {
            return false;
        }
        drop(*old, cells_.replacements);
    }
    const size_t shared_bytes = stored.key->memory_bytes() + stored.reply->memory_bytes();
    if (shared_bytes > limits_.entry_bytes_max || shared_bytes > limits_.bytes_max / 2) {
        add(cells_.refusals);
        return false;
    }
    auto* const entry = new Entry();
    entry->key = std::move(stored.key);
    entry->reply = std::move(stored.reply);
    entry->stored_at = stored.stored_at;
    entry->expires_at = stored.expires_at;
    entry->used_at = stored.used_at;
    entry->number = next_number_++;
    entry->bytes = shared_bytes + allocated_bytes(entry);
    bytes_ += entry->bytes;
    table_.insert(*entry);
    if (is_newest) {
        by_use_.push_front(*entry);
    } else {
        by_use_.push_back(*entry);
    }
    return true;
}

// Owns the entry from here on: both places that know it let go.
void ResponseCache::drop(Entry& entry, std::atomic<uint64_t>& cause) {
    add(cause);
    bytes_ -= entry.bytes;
    table_.remove(entry);
    entry.unlink();
    delete &entry;
}

void ResponseCache::make_room(Instant now) {
    while (table_.size() > limits_.entries_max ||
           bytes_ + table_.memory_bytes() > limits_.bytes_max) {
        Entry* const last = by_use_.back();
        if (last == nullptr) {
            return;
        }
        drop(*last, last->expires_at <= now ? cells_.expirations : cells_.evictions);
    }
    // Where traffic is light nothing is evicted, and what expired goes here.
    Entry* const last = by_use_.back();
    if (last != nullptr && last->expires_at <= now) {
        drop(*last, cells_.expirations);
    }
}

void ResponseCache::publish_size() {
    cells_.bytes.store(bytes_ + table_.memory_bytes(), std::memory_order_relaxed);
    cells_.entries.store(table_.size(), std::memory_order_relaxed);
}

uint32_t ResponseCache::invalidate_some(const CacheScope& scope, uint64_t before, size_t& bucket) {
    uint32_t removed = 0;
    for (size_t step = 0; step < kBucketsPerStep && !is_walk_over(bucket); ++step, ++bucket) {
        for (Entry* entry = table_.first_in(bucket); entry != nullptr;) {
            Entry* const following = entry->next_in_bucket;
            if (entry->number < before && scope.covers(*entry->key)) {
                drop(*entry, cells_.invalidations);
                ++removed;
            }
            entry = following;
        }
    }
    publish_size();
    return removed;
}

void ResponseCache::export_to(std::vector<StoredEntry>& entries, Instant now) {
    for (Entry* entry = by_use_.front(); entry != nullptr; entry = by_use_.next(*entry)) {
        if (entry->expires_at > now) {
            entries.push_back(
                {entry->key, entry->reply, entry->stored_at, entry->expires_at, entry->used_at});
        }
    }
}

CacheStatistics ResponseCache::statistics() const {
    return {.hits = value(cells_.hits),
            .misses = value(cells_.misses),
            .stores = value(cells_.stores),
            .replacements = value(cells_.replacements),
            .evictions = value(cells_.evictions),
            .expirations = value(cells_.expirations),
            .invalidations = value(cells_.invalidations),
            .refusals = value(cells_.refusals),
            .bytes = value(cells_.bytes),
            .entries = value(cells_.entries)};
}

}  // namespace sluice::cache
