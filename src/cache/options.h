// What can be set about the response cache. Plain values: filled by config/, read when a shard
// starts; sizes are of the whole process and are shared out evenly among the shards.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::cache {

struct CacheOptions {
    bool enabled = false;
    // Everything counted: bodies, keys, nodes, tables. A quarter of a gibibyte holds some ten
    // thousand answers of chat with their prompts.
    uint64_t bytes_max = 256UL * 1024 * 1024;
    // Bounds the table; small embeddings reach it before the bytes.
    uint32_t entries_max = 100'000;
    // How long an answer may be given again. An hour outlives a benchmark's or an agent's run and
    // is forgotten before a model of the same name is another.
    uint32_t ttl_s = 3'600;
    // Larger answers are passed on but not kept; a stream beyond it takes no more joiners.
    uint32_t entry_bytes_max = 1024 * 1024;
    // An entry answers only the tenant who caused it. Off only where all tenants may see all.
    bool per_tenant = true;
    // Identical requests under way share one call.
    bool coalesce = true;
    // Longest wait for another's answer before a request makes its own. Whole answers of reasoning
    // models take about as long.
    uint32_t wait_max_ms = 60'000;
    // Requests that may wait for one call; the next ones make their own.
    uint32_t joiners_max = 1'024;
    // Answers under construction on all shards, which are not in bytes_max; beyond it answers are
    // passed on but not recorded.
    uint64_t recording_bytes_max = 64UL * 1024 * 1024;
    // Written at shutdown and read at start; empty is none.
    std::string snapshot_file = {};

    bool operator==(const CacheOptions&) const = default;
};

}  // namespace sluice::cache
