// Fetches the keys that a configuration refers to, at the start and again on every reload.
// What is found goes into Secret and nowhere else; messages name the place, never the content.
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/environment.h"
#include "config/places.h"

namespace sluice::config {

// Fills `token` of every upstream and of the admin API, the password of the ledger, and the headers
// of traces. A file that
// cannot be read is an error. So is a variable that is not set, where it would leave the admin API
// open; with an upstream that is only a warning: the gateway says so at the start and the upstream
// answers 401.
void resolve_secrets(Config& config,
                     const Environment& environment,
                     const Places& places,
                     Diagnostics& diagnostics);

}  // namespace sluice::config
