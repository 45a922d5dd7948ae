// Checks of what guards and enhancers are given, beyond types and ranges; see checks.h for the
// contract of those of one text.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/places.h"

namespace sluice::config {

// A regular expression that can be looked for; says what RE2 says against it.
std::string check_regular_expression(std::string_view text);
std::string check_guard_preset(std::string_view text);
// It stands inside of JSON strings as it is.
std::string check_replacement(std::string_view text);
// Empty passes.
std::string check_webhook_url(std::string_view text);
// Whether there is an upstream of that name is looked at later.
std::string check_enhancer_target(std::string_view text);
// Empty passes.
std::string check_enhancer_model(std::string_view text);

// Reads the lists of words that guards name.
void read_word_lists(Config& config, const Places& places, Diagnostics& diagnostics);

// Checks across the settings of processors, and of processors with routes and upstreams.
void validate_processors(const Config& config, const Places& places, Diagnostics& diagnostics);

}  // namespace sluice::config
