// The settings of [cache].
#include <array>

#include "cache/options.h"
#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"

namespace sluice::config {

namespace {

using cache::CacheOptions;

constexpr int64_t kEntriesMax = 100'000'000;
constexpr int64_t kTtlSMax = 31'536'000;  // A year.
constexpr int64_t kBytesMax = 1024 * kGiB;

constexpr auto kCacheSettings = std::to_array<Setting>({
    setting<&CacheOptions::enabled>("enabled", "Keeps answers and gives them again.").restart(),
    setting<&CacheOptions::bytes_max>(
        "bytes_max",
        "Memory of all entries: bodies, keys and what finds them. The least recently used go.")
        .range(kMiB, kBytesMax)
        .restart(),
    setting<&CacheOptions::entries_max>("entries_max", "Entries, likewise.")
        .range(1, kEntriesMax)
        .restart(),
    setting<&CacheOptions::ttl_s>("ttl_s", "How long an answer may be given again.")
        .range(1, kTtlSMax)
        .restart(),
    setting<&CacheOptions::entry_bytes_max>(
        "entry_bytes_max",
        "Largest answer that is kept, with its key. A stream beyond it takes no more joiners.")
        .range(kKiB, kGiB)
        .restart(),
    setting<&CacheOptions::per_tenant>(
        "per_tenant",
        "Gives an answer only to the tenant who caused it. False gives it to everybody who asks "
        "the same.")
        .restart(),
    setting<&CacheOptions::coalesce>("coalesce",
                                     "Identical requests under way share one call to the upstream.")
        .restart(),
    setting<&CacheOptions::wait_max_ms>(
        "wait_max_ms",
        "Longest time that a request waits for the answer of another before it makes a call of "
        "its own.")
        .range(1, kTimeMsMax)
        .restart(),
    setting<&CacheOptions::joiners_max>(
        "joiners_max", "Requests that may wait for one call; the next ones make their own.")
        .range(0, kCountMax)
        .restart(),
    setting<&CacheOptions::recording_bytes_max>(
        "recording_bytes_max",
        "Memory of answers that are being recorded, which bytes_max does not count. Beyond it "
        "answers pass without being recorded.")
        .range(kMiB, kBytesMax)
        .restart(),
    setting<&CacheOptions::snapshot_file>(
        "snapshot_file",
        "File that entries are written to at shutdown and read from at start. Holds prompts; only "
        "its owner may read it. Empty is none.")
        .check(check_file_path)
        .restart(),
});

}  // namespace

SectionTable cache_section() {
    return {"[cache]", kCacheSettings, &defaults<CacheOptions>};
}

}  // namespace sluice::config
