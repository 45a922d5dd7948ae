// Two charts in one SVG file: how fast first tokens came, and what was in flight.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "llm-fleet/measures.h"

namespace sluice::llm_fleet {

// Of each run: the share of answered requests by time to first token; and the tokens in flight over
// time, of the fleet and of its busiest worker.
std::string plot_of(std::span<const Measures> runs, std::string_view title);

}  // namespace sluice::llm_fleet
