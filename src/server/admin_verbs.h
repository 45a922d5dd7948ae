// `sluice keys`, `sluice limits` and `sluice cache`: the admin API from a terminal.
//
// Each verb is one request; what it answers is shown as a table, or as it is with --json.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "config/environment.h"
#include "server/cli.h"

namespace sluice::server {

// What a verb asks for, made of its arguments alone.
struct VerbRequest {
    std::string method;
    std::string path;
    std::string body;
    std::string admin_address;
    std::string config_file;
    bool json = false;
    bool wants_help = false;
};

// `noun` is keys, limits or cache. The error is one line.
std::expected<VerbRequest, std::string> parse_verb(std::string_view noun,
                                                   std::span<const std::string> arguments);

// The answer to the request as text for a terminal. The error says what is wrong with it.
std::expected<std::string, std::string> verb_table(const VerbRequest& request,
                                                   std::string_view json);

CommandOutput run_verb(std::string_view noun,
                       const CommandLine& line,
                       const config::Environment& environment);

}  // namespace sluice::server
