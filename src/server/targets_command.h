// `sluice targets`: the targets of a running gateway as a table, once or again and again, and what
// people want of one of them.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "config/environment.h"
#include "server/cli.h"

namespace sluice::server {

// What the words behind `sluice targets` ask for.
struct TargetsRequest {
    std::string method = "GET";
    std::string path = "/v1/targets";
    std::string body;
    std::string admin_address;
    std::string config_file;
    bool json = false;
    bool watch = false;
    bool wants_help = false;
};

// The error is one line.
std::expected<TargetsRequest, std::string> parse_targets(std::span<const std::string> arguments);

// The answer of GET /v1/targets as a table, or that to a change as one line. The error says what
// is wrong with it.
std::expected<std::string, std::string> targets_table(std::string_view json);

// With --watch it prints on standard output itself, until it is ended or nobody answers.
CommandOutput run_targets(const CommandLine& line, const config::Environment& environment);

}  // namespace sluice::server
