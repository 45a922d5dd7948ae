// The file in which the cache outlives a process: written at shutdown, read at start.
//
// Form 1, numbers little-endian: a head (name of the form, entries, wall clock, checksum), then one
// record for each entry (length, checksum, content), latest use first, and nothing after the last.
// Keys are kept as texts, so that a process with another secret and other shards can read it.
// Times are kept as ages, so that only the wall clock of the two processes has to agree.
// Called while no shard runs yet, or none any more: it blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/response_cache.h"

namespace sluice::cache {

// Both clocks at one moment.
struct SnapshotTime {
    Instant now;
    int64_t wall_clock_ns = 0;
};

// Writes beside `path` and renames, so that there is always one whole file. Readable by its owner
// only, as it holds prompts. Returns its bytes; the error is a phrase such as "cannot be created:
// No such file or directory". Puts `entries` in order.
std::expected<uint64_t, std::string> save_snapshot(const std::string& path,
                                                   std::vector<StoredEntry>& entries,
                                                   const SnapshotTime& time);

// What has not expired, latest use first; nothing when there is no such file. The error says what
// is wrong and where; nothing of such a file is used.
std::expected<std::vector<StoredEntry>, std::string> load_snapshot(const std::string& path,
                                                                   const KeyMaker& maker,
                                                                   const SnapshotTime& time);

// The same, on text in memory.
std::string snapshot_text(std::span<const StoredEntry> entries, const SnapshotTime& time);
std::expected<std::vector<StoredEntry>, std::string> parse_snapshot(std::string_view text,
                                                                    const KeyMaker& maker,
                                                                    const SnapshotTime& time);

}  // namespace sluice::cache
