// Credentials that are more than a key: Google's files, and what AWS's own tools look for.
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/environment.h"
#include "config/places.h"

namespace sluice::config {

// Fills in what upstreams of Google and AWS sign their requests with, and adds, for each that needs
// tokens, an upstream that makes them.
void resolve_cloud_credentials(Config& config,
                               const Environment& environment,
                               const Places& places,
                               Diagnostics& diagnostics);

}  // namespace sluice::config
