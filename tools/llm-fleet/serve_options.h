// What `llm-fleet serve` was asked for. Filled from the command line once, then read by every
// shard.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llm-fleet/engine.h"
#include "llm-fleet/fault.h"
#include "llm-kit/command_line.h"

namespace sluice::llm_fleet {

struct ServeOptions {
    std::string host = "127.0.0.1";
    uint32_t port_base = 8000;  // Worker i listens on so many more; 0: on free ports.
    uint32_t workers = 8;
    uint32_t shards = 1;
    EngineOptions engine = {.block_tokens = 16};
    double speed = 1;
    uint32_t tokens = 64;
    std::vector<std::string> models = {"sluice-simulated"};
    std::vector<Fault> faults;
    bool is_quiet = false;  // No progress.
};

// `options` outlives the command line, which points into it.
llm_kit::CommandLine describe_serve(ServeOptions& options);

// Checks what the options mean together. Returns what is wrong, or nothing.
std::string complete_serve(const ServeOptions& options);

}  // namespace sluice::llm_fleet
