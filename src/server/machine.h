// What the process asks of the machine when it starts. System calls that cannot fail it: each has
// an answer to fall back on. Main thread.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::server {

// The cores that the process may run on; at least one.
std::vector<uint32_t> usable_cores();
// As far as the process may.
void raise_descriptor_limit(uint64_t wanted);
uint64_t random_seed();

}  // namespace sluice::server
