// The program `sluice`: reads the command line, prints what was asked for, or serves.
#include <cstdio>
#include <span>
#include <utility>

#include "config/environment.h"
#include "config/load.h"
#include "server/cli.h"
#include "server/process.h"

int main(int argc, char** argv) {
    using namespace sluice;
    const config::Environment environment = config::process_environment();
    const std::span<const char* const> arguments(argv + 1,
                                                 argc > 0 ? static_cast<size_t>(argc - 1) : 0);
    const auto line = server::parse_command_line(arguments, environment);
    if (!line) {
        std::fprintf(stderr, "sluice: %s\n", line.error().c_str());
        return server::kExitUsage;
    }
    if (line->command != server::Command::serve) {
        const server::CommandOutput output = server::run_command(*line, environment);
        std::fputs(output.standard_output.c_str(), stdout);
        std::fputs(output.standard_error.c_str(), stderr);
        return output.exit_code;
    }
    config::LoadResult loaded = server::load_config(*line, environment);
    std::fputs(loaded.report().c_str(), stderr);
    if (!loaded.config) {
        return server::kExitFailure;
    }
    return server::serve(*line, environment, std::move(loaded));
}
