// `sluice log`: the levels of a running gateway's log, and changing them.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "config/environment.h"
#include "server/cli.h"
#include "server/client_options.h"

namespace sluice::server {

// What the words behind `sluice log` ask for.
struct LogRequest {
    std::string method = "GET";
    std::string body;
    ClientOptions client;
};

// The error is one line.
std::expected<LogRequest, std::string> parse_log(std::span<const std::string> arguments);

// The answer as a table. The error says what is wrong with it.
std::expected<std::string, std::string> log_table(std::string_view json);

CommandOutput run_log(const CommandLine& line, const config::Environment& environment);

}  // namespace sluice::server
