// Checks that look at more than one setting: names that must exist, limits that must fit together,
// files that must be there, routes that shadow each other. Runs after every table is bound.
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/places.h"

namespace sluice::config {

void validate(const Config& config, const Places& places, Diagnostics& diagnostics);

}  // namespace sluice::config
