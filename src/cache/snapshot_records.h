// The cache's file as a text: its head and its records, one by one. Private to the room.
//
// Reading takes bytes from a SnapshotSource in order, so that no more than one record is in memory
// besides what was made of the others.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/response_cache.h"
#include "cache/snapshot_file.h"

namespace sluice::cache {

// Bytes in order, from memory or from a file.
class SnapshotSource {
public:
    // True when all of `to` was filled.
    virtual bool read(std::span<char> to) = 0;
    virtual uint64_t left_bytes() const = 0;

protected:
    ~SnapshotSource() = default;
};

std::string snapshot_head(uint64_t entries, const SnapshotTime& time);
void append_record(std::string& to, const StoredEntry& entry, Instant now);
std::expected<std::vector<StoredEntry>, std::string> read_snapshot(SnapshotSource& source,
                                                                   const KeyMaker& maker,
                                                                   const SnapshotTime& time);

}  // namespace sluice::cache
