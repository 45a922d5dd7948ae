// The words behind a command that asks a running gateway: options that all such commands have,
// those of the command itself, and what is left.
//
// Arguments in, values out; pure. Used by commands whose words are few (log, top).
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/cli.h"

namespace sluice::server {

struct ClientOptions {
    std::string admin_address;
    std::string config_file;
    bool json = false;
    bool wants_help = false;
};

// The same command line, asking whom these name; no file is that of the line.
CommandLine asking(const CommandLine& line,
                   std::string_view admin_address,
                   std::string_view config_file);

// Either takes a value or is one.
struct OwnOption {
    std::string_view name;
    std::string* value = nullptr;
    bool* flag = nullptr;
};

// Returns the words that are no options. The error is one line, which begins with the command.
std::expected<std::vector<std::string_view>, std::string> parse_client_options(
    std::string_view command,
    std::span<const std::string> arguments,
    std::span<const OwnOption> own,
    ClientOptions& options);

// Of a command that has failed: its reason on standard error.
CommandOutput failure_of(std::string_view reason);
CommandOutput misuse_of(std::string_view reason);

}  // namespace sluice::server
