// The words in which reports are asked for, on the command line and in queries alike. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/report.h"

namespace sluice::server {

// "2026-11-28", the beginning of that day in UTC, or "2026-11-28T12:00:00Z"; nanoseconds since
// 1970.
std::optional<int64_t> parse_time_ns(std::string_view text);

// "key,day", or "none". The error is a phrase.
std::expected<std::vector<ledger::GroupBy>, std::string> parse_groups(std::string_view text);

}  // namespace sluice::server
