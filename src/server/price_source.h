// The table of prices that a configuration asks for: built-in, from a file, of the operator's own.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "providers/price_options.h"
#include "providers/price_table.h"

namespace sluice::server {

// Fails with a text that names the file and the reason. `warnings` gets entries that were left out.
std::expected<providers::PriceTable, std::string> make_price_table(
    const providers::PriceOptions& options, std::vector<std::string>& warnings);

}  // namespace sluice::server
