// What the process asks of the machine, mostly when it starts. System calls that cannot fail it:
// each has an answer to fall back on, but for randomness of secrets. Main thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace sluice::server {

// The cores that the process may run on; at least one.
std::vector<uint32_t> usable_cores();
// As far as the process may.
void raise_descriptor_limit(uint64_t wanted);
uint64_t random_seed();
// For secrets, at any time: there is nothing to fall back on, so that false means to do without.
bool fill_random(std::span<uint8_t> bytes);

// What the system calls an error of its own.
std::string system_text(const Error& error);

}  // namespace sluice::server
