// The command line of `sluice`, as pure functions: arguments and environment in, values and texts
// out. main.cc prints the texts and serves.
//
// Flags of settings are not listed here: they come from the table in config/schema_*.cc.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "config/environment.h"
#include "config/load.h"

namespace sluice::server {

// Names the configuration where no flag does.
inline constexpr const char* kConfigVariable = "SLUICE_CONFIG";

// Exit codes of the program.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // Bad configuration, or the gateway could not run.
inline constexpr int kExitUsage = 2;    // The command line itself makes no sense.

enum class Command : uint8_t {
    serve,
    check,
    print_config,
    config_reference,
    provider_reference,
    stats,
    reload,
    usage,
    keys,
    limits,
    cache,
    targets,
    log,
    top,
    version,
    help,
};

struct CommandLine {
    Command command = Command::serve;
    std::string config_file;  // Empty: the built-in configuration.
    // What follows the word of a command that has options of its own.
    std::vector<std::string> own_arguments;
    std::string admin_address;  // Of stats and reload; empty: the configuration says it.
    bool json = false;          // Of stats.
    // Settings from the environment, then from flags; a later one wins.
    std::vector<config::Override> overrides;
};

// `arguments` is argv without the program's name. The error is one line that says what is wrong
// and, where there is one, the nearest thing that would be right.
std::expected<CommandLine, std::string> parse_command_line(std::span<const char* const> arguments,
                                                           const config::Environment& environment);

// Loads what the command line asks for; also used on reload.
config::LoadResult load_config(const CommandLine& line, const config::Environment& environment);

struct CommandOutput {
    int exit_code = kExitOk;
    std::string standard_output;
    std::string standard_error;
};

// Every command but `serve`.
CommandOutput run_command(const CommandLine& line, const config::Environment& environment);

// "sluice 0.1.0\n"
std::string version_text();
std::string help_text();

}  // namespace sluice::server
