// The cache's file at start and at the end.
#include "server/process_cache.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "base/log.h"
#include "cache/shared_cache.h"
#include "cache/snapshot_file.h"
#include "server/machine.h"

namespace sluice::server {

// As long as a key of the digest can be.
std::string cache_secret() {
    constexpr size_t kSecretBytes = 32;
    std::string secret;
    while (secret.size() < kSecretBytes) {
        const uint64_t word = random_seed();
        secret.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
    return secret;
}

void ProcessCache::load(const cache::SnapshotTime& time) {
    if (!has_file()) {
        return;
    }
    const std::string& path = group_.options().snapshot_file;
    auto entries = cache::load_snapshot(path, keys_, time);
    if (!entries) {
        SLUICE_LOG(warning, "cache", "the file of the cache is not used", {"file", path},
                   {"reason", entries.error()});
        return;
    }
    loaded_ = *std::move(entries);
    SLUICE_LOG(info, "cache", "the file of the cache was read", {"file", path},
               {"entries", loaded_.size()});
}

void ProcessCache::save(const cache::SnapshotTime& time) {
    if (!has_file()) {
        return;
    }
    const std::string& path = group_.options().snapshot_file;
    const auto bytes = cache::save_snapshot(path, collected_, time);
    if (!bytes) {
        SLUICE_LOG(error, "cache", "the file of the cache is not written", {"file", path},
                   {"reason", bytes.error()});
        return;
    }
    SLUICE_LOG(info, "cache", "the file of the cache was written", {"file", path},
               {"entries", collected_.size()}, {"bytes", *bytes});
}

void ProcessCache::collect(cache::SharedCache& part) {
    if (has_file()) {
        const std::scoped_lock lock(collecting_);
        part.export_to(collected_);
    }
}

}  // namespace sluice::server
