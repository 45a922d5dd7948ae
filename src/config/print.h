// A Config as a file: canonical spelling, every setting with its effective value. Loading the
// result gives an equal Config. Of keys it shows where they come from and whether they were found.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"

namespace sluice::config {

// `source` is named in the first line.
std::string print_config(const Config& config, std::string_view source);

}  // namespace sluice::config
