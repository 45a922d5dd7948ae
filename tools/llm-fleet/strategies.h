// The strategies that can be compared: the product's own by their names, and the baseline.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "balance/options.h"

namespace sluice::llm_fleet {

std::vector<std::string> all_strategies();
bool is_strategy(std::string_view name);
// Of the pool that it runs over; the baseline's must have an index of prefixes.
balance::Strategy pool_strategy_of(std::string_view name);

}  // namespace sluice::llm_fleet
