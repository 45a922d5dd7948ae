// One shard's part of the cache but for its flights, which are in flights.cc.
#include "cache/shared_cache.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/options.h"
#include "cache/reply.h"
#include "cache/response_cache.h"
#include "cache/shared_calls.h"  // IWYU pragma: keep; the templates that messages are made of.
#include "net/shard.h"

namespace sluice::cache {

namespace {

StoreLimits limits_of(const CacheOptions& options, size_t shards) {
    if (!options.enabled) {
        return {};
    }
    const auto entries =
        static_cast<uint32_t>((options.entries_max + shards - 1) / shards);  // Rounded up.
    return {.bytes_max = options.bytes_max / shards,
            .entries_max = entries,
            .entry_bytes_max = options.entry_bytes_max};
}

}  // namespace

CacheStatistics CacheGroup::statistics() const {
    CacheStatistics sum;
    for (const SharedCache* part : parts_) {
        sum += part->statistics();
    }
    return sum;
}

SharedCache::SharedCache(net::Shard& shard, CacheGroup& group)
    : proactor_(shard.proactor()),
      group_(group),
      index_(shard.index()),
      store_(limits_of(group.options(), group.size())),
      budget_{.bytes_max = group.options().recording_bytes_max / group.size()} {
    group.set(index_, *this);
}

SharedCache::~SharedCache() {
    SLUICE_ASSERT(lookups_.size() == 0 && invalidations_.size() == 0);
    while (Flight* flight = flights_.pop_front()) {
        delete flight;
    }
}

void SharedCache::store(KeyRef key, ReplyRef reply, Duration ttl) {
    const uint32_t owner = owner_of_key(*key);
    run_on(owner, [key = std::move(key), reply = std::move(reply), ttl](SharedCache& at) {
        at.store_.store(key, reply, at.now(), ttl);
    });
}

// --- Invalidation. -----------------------------------------------------------------------------

Invalidation::~Invalidation() {
    if (number_ != 0) {
        cache_.invalidations_.remove(number_);
    }
}

void SharedCache::invalidate(Invalidation& ticket, const CacheScope& scope) {
    SLUICE_ASSERT(ticket.number_ == 0);
    ticket.number_ = invalidations_.add(ticket);
    ticket.shards_left_ = static_cast<uint32_t>(group_.size());
    const auto done = [asker = index_, number = ticket.number_](SharedCache& at, uint64_t removed) {
        at.run_on(asker, [number, removed](SharedCache& asking) {
            if (Invalidation* const found = asking.invalidations_.find(number); found != nullptr) {
                found->removed_ += removed;
                --found->shards_left_;
                found->signal_.raise();
            }
        });
    };
    for (uint32_t shard = 0; shard < group_.size(); ++shard) {
        post(shard, [scope, done](SharedCache& at) { at.invalidate_here(scope, done); });
    }
}

void SharedCache::invalidate_here(const CacheScope& scope, WalkDone done) {
    for (Flight* flight = flights_.front(); flight != nullptr; flight = flights_.next(*flight)) {
        if (scope.covers(*flight->key)) {
            unlist(*flight);
        }
    }
    go_on({.scope = scope, .done = std::move(done), .before = store_.next_number()});
}

void SharedCache::go_on(Walk walk) {
    walk.removed += store_.invalidate_some(walk.scope, walk.before, walk.bucket);
    if (!store_.is_walk_over(walk.bucket)) {
        post(index_, [walk = std::move(walk)](SharedCache& at) { at.go_on(walk); });
        return;
    }
    walk.done(*this, walk.removed);
}

// --- Files. ------------------------------------------------------------------------------------

void SharedCache::export_to(std::vector<StoredEntry>& entries) {
    store_.export_to(entries, now());
}

size_t SharedCache::import_from(std::span<const StoredEntry> entries) {
    size_t taken = 0;
    for (const StoredEntry& entry : entries) {
        if (owner_of_key(*entry.key) == index_) {
            taken += store_.restore(entry, now()) ? 1 : 0;
        }
    }
    return taken;
}

}  // namespace sluice::cache
