// Keys and tenants of a configuration after it was bound: their secrets, and checks across
// settings.
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/environment.h"
#include "config/places.h"

namespace sluice::config {

// Fills `hash` and `display` of every key. A file that cannot be read is an error, a variable that
// is not set only a warning: nobody can use that key then.
void resolve_key_secrets(Config& config,
                         const Environment& environment,
                         const Places& places,
                         Diagnostics& diagnostics);

// Tenants that must exist, secrets that must differ, limits that belong together.
void validate_access(const Config& config, const Places& places, Diagnostics& diagnostics);

}  // namespace sluice::config
