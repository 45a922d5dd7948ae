// One seed of the echo simulation: a drawn world, some shards, some clients, and what must hold.
#pragma once

#include <cstdint>

#include "sim/echo_service.h"
#include "sim/run_result.h"

namespace sluice::sim {

RunResult run_echo(uint64_t seed, EchoBug bug = EchoBug::none);

}  // namespace sluice::sim
