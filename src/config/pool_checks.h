// Checks of the settings of pools: of single texts, and of what names what.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/places.h"

namespace sluice::config {

// "LLM" or "LLM/MODEL".
std::string check_target_name(std::string_view text);
// A kind of failure that fail_over.on may name.
std::string check_failure(std::string_view text);
// Something that a target may lack.
std::string check_capability_name(std::string_view text);
// The name of a header field. Empty passes.
std::string check_optional_header_name(std::string_view text);
std::string check_health_path(std::string_view text);
std::string check_metrics_path(std::string_view text);
// What Kubernetes takes for a name (RFC 1123).
std::string check_kubernetes_name(std::string_view text);

// Our name for a strategy that others call differently; every other text as it is.
std::string_view canonical_strategy(std::string_view name);

// Turns the short form of targets into the long one, and checks that everything which pools and
// routes name is there and leads nowhere in a circle.
void complete_pools(Config& config, const Places& places, Diagnostics& diagnostics);

}  // namespace sluice::config
