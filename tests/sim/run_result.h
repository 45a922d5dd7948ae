// What one seed of a simulation came to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::sim {

struct RunResult {
    std::vector<std::string> complaints;  // Empty: the seed passed.
    std::string profile;
    uint64_t bytes = 0;   // That clients got and should have got.
    uint64_t faults = 0;  // Of the network.
    // Of the gateway's clients.
    uint64_t answers = 0;
    uint64_t errors = 0;
    uint64_t events = 0;
};

}  // namespace sluice::sim
