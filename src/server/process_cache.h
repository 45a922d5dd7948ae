// ProcessCache: what all shards share of the response cache, and its file.
//
// Made before any shard runs and destroyed after the last one. Each shard puts its own part in and
// takes its entries of the file; at the end each hands its entries back, on its own thread.
#pragma once

#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_key.h"
#include "cache/options.h"
#include "cache/response_cache.h"
#include "cache/shared_cache.h"
#include "cache/snapshot_file.h"
#include "net/shard.h"

namespace sluice::server {

// A secret of the digest of keys, drawn anew.
std::string cache_secret();

class ProcessCache {
public:
    // `secret` is drawn for each process.
    ProcessCache(net::ShardGroup& shards,
                 const cache::CacheOptions& options,
                 std::string_view secret)
        : group_(shards, options), keys_(secret) {}

    cache::CacheGroup& group() { return group_; }
    const cache::KeyMaker& keys() const { return keys_; }

    // --- The file. While no shard runs: reads and writes block. The log says what came of it.
    void load(const cache::SnapshotTime& time);
    void save(const cache::SnapshotTime& time);
    // What was read; until all shards have taken theirs.
    std::span<const cache::StoredEntry> loaded() const { return loaded_; }
    void forget_loaded() { loaded_ = {}; }

    // --- On the thread of a shard that has ended.
    void collect(cache::SharedCache& part);

private:
    bool has_file() const {
        return group_.options().enabled && !group_.options().snapshot_file.empty();
    }

    cache::CacheGroup group_;
    cache::KeyMaker keys_;
    std::vector<cache::StoredEntry> loaded_;
    std::mutex collecting_;
    std::vector<cache::StoredEntry> collected_;
};

}  // namespace sluice::server
