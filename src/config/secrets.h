// Fetches the keys that a configuration refers to, at the start and again on every reload.
// What is found goes into Secret and nowhere else; messages name the place, never the content.
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/environment.h"
#include "config/places.h"

namespace sluice::config {

// Fills `token` of every upstream and the password of the ledger. A file that cannot be read is an
// error, a variable that is not set only a warning: the gateway then says so at the start and the
// upstream answers 401.
void resolve_secrets(Config& config,
                     const Environment& environment,
                     const Places& places,
                     Diagnostics& diagnostics);

}  // namespace sluice::config
