// The result of a replay, for people and for programs.
#pragma once

#include <span>
#include <string>

#include "llm-fleet/measures.h"
#include "llm-fleet/options.h"
#include "llm-fleet/trace.h"

namespace sluice::llm_fleet {

std::string human_report(const ReplayOptions& options,
                         const Trace& trace,
                         std::span<const Measures> runs);
std::string json_report(const ReplayOptions& options,
                        const Trace& trace,
                        std::span<const Measures> runs);

// Prompt tokens that arrive in a second, by those that the fleet can compute without any cache.
double prefill_load(const RunOptions& options, const Trace& trace);

}  // namespace sluice::llm_fleet
