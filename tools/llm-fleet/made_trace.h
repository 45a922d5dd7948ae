// Traces that are made instead of read: the shapes of load that hurt policies, in a few words.
//
// Written as made:KIND,requests=2000,rate=5,input=6000,output=200,seed=1. Each has something that
// can be predicted, which is what tests need and public traces lack.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "llm-fleet/trace.h"

namespace sluice::llm_fleet {

enum class MadeKind : uint8_t {
    cold,      // Prompts that share nothing.
    shared,    // All begin with the same system prompt, then differ.
    hot,       // A share of the requests has one prompt prefix, the rest are sessions.
    sessions,  // Conversations whose prompts grow by a turn each time.
};
inline constexpr std::string_view kMadeNames[] = {"cold", "shared", "hot", "sessions"};

struct MadeOptions {
    MadeKind kind = MadeKind::cold;
    uint32_t requests = 2'000;
    double rate_per_s = 5;
    uint32_t input_tokens = 6'144;
    uint32_t output_tokens = 200;
    // Of `shared` and `hot`: the common beginning.
    uint32_t prefix_tokens = 6'144;
    // Of `hot`: how many of a hundred have it.
    uint32_t hot_percent = 30;
    // Of `hot` and `sessions`.
    uint32_t sessions = 200;
    bool is_poisson = true;
    uint64_t seed = 1;
};

// `text` without the "made:". Returns what is wrong, or nothing.
std::string read_made(std::string_view text, MadeOptions& options);
Trace make_trace(const MadeOptions& options);
// For --help.
std::string_view made_reference();

}  // namespace sluice::llm_fleet
