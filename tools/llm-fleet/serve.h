// serve: runs a mock fleet until a signal ends it.
#pragma once

#include <string>

#include "llm-fleet/serve_options.h"

namespace sluice::llm_fleet {

// Returns what was wrong, or nothing.
std::string serve(const ServeOptions& options);

}  // namespace sluice::llm_fleet
