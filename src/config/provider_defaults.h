// What a provider's row in the table of vendors fills in where the configuration is silent: its
// address, and the environment variable that its key is usually in.
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/load.h"
#include "config/places.h"

namespace sluice::config {

void fill_provider_defaults(Config& config,
                            const Environment& environment,
                            const Places& places,
                            Diagnostics& diagnostics);

}  // namespace sluice::config
