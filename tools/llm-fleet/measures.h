// Measures: what happened in one run, request by request, and the figures made of it.
//
// Records are kept whole, so that a test or a report can ask anything of them afterwards. Written
// by one simulation, read when it is over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace sluice::llm_fleet {

struct RequestRecord {
    enum class End : uint8_t {
        answered,
        failed,   // No target answered, with all retries.
        broken,   // The stream ended before the answer did.
        refused,  // No target could be chosen.
        left,     // Its client went away.
    };
    Duration at = {};
    Duration first_token = {};  // From the arrival.
    Duration whole = {};        // Likewise.
    Duration per_token = {};    // Mean, behind the first.
    uint32_t row = 0;
    uint32_t input_tokens = 0;
    uint32_t cached_tokens = 0;     // What the server had.
    uint32_t predicted_tokens = 0;  // What the gateway thought it had.
    uint16_t worker = 0;
    uint16_t attempts = 0;
    End end = End::answered;
};

struct AttemptRecord {
    enum class End : uint8_t { running, answered, fault, neutral };
    Duration at = {};
    uint32_t request = 0;
    uint32_t uncached_tokens = 0;  // Once its first token is there.
    uint16_t worker = 0;
    uint16_t shard = 0;
    bool is_probe = false;
    bool is_hedge = false;
    End end = End::running;
};

// Input and output tokens of what each worker has in flight.
struct Sample {
    Duration at = {};
    std::vector<uint64_t> tokens;
};

// How often a pool's guards spoke; see balance/target_state.h.
struct GuardCounts {
    uint64_t breaker_openings = 0;
    uint64_t ejections = 0;
    uint64_t probes = 0;
};

struct Measures {
    std::string strategy;
    uint32_t workers = 0;
    Duration length;  // From the first arrival to the last end.
    std::vector<RequestRecord> requests;
    std::vector<AttemptRecord> attempts;
    std::vector<Sample> samples;
    GuardCounts guards;
    uint64_t preemptions = 0;
    // What the pool still counts as in flight when all is over; must be 0.
    uint64_t ledger_rest = 0;
    double wall_s = 0;
};

struct Spread {
    double mean = 0;
    double p50 = 0;
    double p90 = 0;
    double p99 = 0;
    double max = 0;
};

// Of values in any order; `percent` of them are at most the result (nearest rank).
Spread spread_of(std::vector<double> values);

struct Goals {
    Duration first_token_max = Duration::seconds(5);
    Duration per_token_max = Duration::milliseconds(50);
};

struct Summary {
    uint64_t requests = 0;
    uint64_t answered = 0;
    uint64_t errors = 0;  // Failed, broken, refused.
    uint64_t left = 0;
    uint64_t retries = 0;
    Spread first_token_s;
    Spread whole_s;
    Spread per_token_ms;
    double goodput_per_s = 0;
    double goodput_share = 0;
    double hit_share = 0;            // Cached prompt tokens of all, as the servers had them.
    double predicted_hit_share = 0;  // As the gateway thought.
    double prediction_error = 0;     // Mean difference of the two, by prompt tokens.
    double imbalance = 0;            // Of in-flight tokens: coefficient of variation, mean in time.
    std::vector<double> request_share;   // By worker.
    std::vector<double> uncached_share;  // Likewise, of prompt tokens computed.
};

Summary summarize(const Measures& measures, const Goals& goals);

}  // namespace sluice::llm_fleet
