// `sluice stats` and `sluice reload`: what a running gateway says, as text for a terminal.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "config/environment.h"
#include "server/cli.h"

namespace sluice::server {

CommandOutput show_stats(const CommandLine& line, const config::Environment& environment);
CommandOutput ask_reload(const CommandLine& line, const config::Environment& environment);

// The answer of GET /v1/stats as a table. The error says what is wrong with it.
std::expected<std::string, std::string> stats_table(std::string_view json);

}  // namespace sluice::server
