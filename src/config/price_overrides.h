// [prices.models."NAME"]: prices of the operator's own, as LiteLLM's fields.
#pragma once

#include <string>

#include "config/diagnostics.h"
#include "config/toml_document.h"
#include "providers/price_options.h"

namespace sluice::config {

// Takes the tables below [prices] out of it, and puts what they say into `options`.
void bind_price_overrides(TomlNode& prices,
                          providers::PriceOptions& options,
                          Diagnostics& diagnostics);

}  // namespace sluice::config
