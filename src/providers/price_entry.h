// One entry of a price file, from its JSON to the rows of rates that requests look up.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "json/tree.h"
#include "providers/price_table.h"

namespace sluice::providers {

// The error says what is wrong with the entry. An entry without any price of tokens becomes a Price
// without periods: nothing is wrong with it, but it prices nothing.
std::expected<Price, std::string> read_price(const json::Value& entry);

// What is wrong with an amount of dollars per token under this name, with what was expected; ""
// when nothing is.
std::string price_field_problem(std::string_view name, std::string_view amount);

}  // namespace sluice::providers
