// Checks of [keys], [key.NAME] and [tenant.NAME]: of single texts, and across settings.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/environment.h"
#include "config/places.h"

namespace sluice::config {

// Each returns what is wrong with what was expected, or "". Empty passes, but for patterns.
std::string check_dollars(std::string_view text);
// Does not repeat the text: it may be the secret itself.
std::string check_sha256(std::string_view text);
std::string check_time(std::string_view text);
std::string check_pattern(std::string_view text);
std::string check_metadata(std::string_view name, std::string_view value);

// Fills `hash` and `display` of every key. A file that cannot be read is an error, a variable that
// is not set only a warning: nobody can use that key then.
void resolve_key_secrets(Config& config,
                         const Environment& environment,
                         const Places& places,
                         Diagnostics& diagnostics);

// Tenants that must exist, secrets that must differ, limits that belong together.
void validate_access(const Config& config, const Places& places, Diagnostics& diagnostics);

}  // namespace sluice::config
