// Decimal numbers as scaled integers, for money: 0.0000025 dollars are 2,500,000 at 12 places.
//
// No double ever stands between the text and the integer, so what is written is what is added up.
// Amounts of money are pico-dollars (12 places): the cheapest token has a price of its own there,
// and 64 bits hold nine million dollars.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Places of a pico-dollar.
inline constexpr int kPicoPlaces = 12;
inline constexpr int64_t kPicoPerDollar = 1'000'000'000'000;

__extension__ using WideInteger = __int128;

// `number` is written as JSON writes numbers: 3, 0.15, 1.25e-06. The result is number * 10^places,
// to the nearest where it has more digits than that. Nothing when it is no number, below zero, or
// does not fit.
std::optional<int64_t> parse_scaled(std::string_view number, int places);

// Appends value / 10^places with all its places, or as many as are not zero but at least
// `places_min`; never rounded.
void append_scaled(std::string& to, WideInteger value, int places, int places_min);

}  // namespace sluice
