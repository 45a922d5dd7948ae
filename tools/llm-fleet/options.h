// What llm-fleet was asked to do. Filled from the command line once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm-fleet/engine.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/run_options.h"
#include "llm-kit/command_line.h"

namespace sluice::llm_fleet {

struct ReplayOptions {
    std::string trace;
    std::vector<std::string> strategies;  // Empty: the product's default.
    RunOptions run;
    Goals goals;
    std::string plot_file;
    bool is_json = false;
    bool is_quiet = false;  // No progress.
};

// What both commands say of a server. `engine` outlives the command line.
void describe_engine(llm_kit::CommandLine& line, EngineOptions& engine);

// Returns what is wrong with it, or nothing.
std::string check_engine(const EngineOptions& engine);

// `options` outlives the command line, which points into it.
llm_kit::CommandLine describe_replay(ReplayOptions& options);

// Checks what the options mean together. Returns what is wrong, or nothing.
std::string complete_replay(ReplayOptions& options);

}  // namespace sluice::llm_fleet
