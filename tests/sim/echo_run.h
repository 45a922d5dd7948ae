// One seed of the echo simulation: a drawn world, some shards, some clients, and what must hold.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/echo_service.h"

namespace sluice::sim {

struct RunResult {
    std::vector<std::string> complaints;  // Empty: the seed passed.
    std::string profile;
    uint64_t bytes_echoed = 0;
    uint64_t faults = 0;
};

RunResult run_echo(uint64_t seed, EchoBug bug = EchoBug::none);

}  // namespace sluice::sim
