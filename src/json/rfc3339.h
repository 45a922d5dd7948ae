// Points in time as RFC 3339 writes them, to the second.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "json/writer.h"

namespace sluice::json {

// Seconds since 1970 of "2026-05-04T17:37:44.706-07:00"; fractions are cut off.
std::optional<int64_t> parse_rfc3339(std::string_view text);
// "2025-09-29T00:00:00Z". Years 0 to 9999; others are written as 1970 begins.
void append_rfc3339(TextOutput& to, int64_t seconds);

}  // namespace sluice::json
