// Dollars as people write them, picodollars as they are counted: exact in both directions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::access {

// "12.5": digits, and at most twelve behind a point; up to kDollarsMax. Nothing for anything else.
std::optional<int64_t> parse_dollars(std::string_view text);
// The shortest such text. A negative sum, which a correction can leave, has a sign.
std::string format_dollars(int64_t picodollars);

}  // namespace sluice::access
