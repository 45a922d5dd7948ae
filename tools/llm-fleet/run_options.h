// What one simulated run is made of, beside its trace.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "balance/options.h"
#include "base/time.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/fault.h"

namespace sluice::llm_fleet {

struct RunOptions {
    std::string strategy = "latency_weighted";
    uint32_t workers = 8;
    EngineOptions engine;
    std::vector<Fault> faults;
    // The pool as a configuration would have it; targets are made here, one for each worker.
    balance::PoolOptions pool;

    // Of the trace: so many times as fast; only so many rows, 0 is all.
    double speed = 1;
    uint32_t rows_max = 0;

    // Threads of the gateway; they share one pool, or have one each for comparison.
    uint32_t shards = 1;
    bool has_private_ledgers = false;
    uint64_t seed = 1;

    // What the gateway knows and does.
    // What it is told that each worker's cache holds; 0 is the truth.
    uint64_t believed_cache_tokens = 0;
    // Likewise, of the tokens that it reads in a second.
    uint32_t believed_prefill_tokens_per_s = 0;
    // The block of a prompt that ties requests together, for consistent_hash. The first one is the
    // same for all conversations of a trace; it is their system prompt.
    uint32_t affinity_block = 1;
    uint32_t expected_output_tokens = 256;
    double estimate_error = 0;         // Of its estimate of prompt lengths, at most; 0.2 is 20 %.
    bool hides_cached_tokens = false;  // The servers do not tell them.
    uint32_t retries = 2;
    Duration first_token_timeout = Duration::seconds(60);
    Duration silence_timeout = Duration::seconds(60);
    // Share of requests whose client leaves, after a time that varies around this.
    double leave_fraction = 0;
    Duration leave_after = Duration::seconds(5);

    uint32_t gateway_prefill_tokens_per_s() const {
        return believed_prefill_tokens_per_s == 0
                   ? static_cast<uint32_t>(engine.prefill_tokens_per_s)
                   : believed_prefill_tokens_per_s;
    }
    uint64_t gateway_cache_tokens() const {
        constexpr uint64_t kAsGoodAsUnbounded = uint64_t{1} << 40;
        const uint64_t believed =
            believed_cache_tokens == 0 ? engine.cache_tokens : believed_cache_tokens;
        return std::min(believed, kAsGoodAsUnbounded);
    }
};

}  // namespace sluice::llm_fleet
