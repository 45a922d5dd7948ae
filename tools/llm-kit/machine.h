// What a measuring program asks of the machine it runs on: cores, descriptors, sharp timers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::llm_kit {

// "0,2-3" as 0, 2, 3; nullopt when it is no such list.
std::optional<std::vector<uint32_t>> parse_cpu_list(std::string_view text);

// Binds the calling thread to one core; false when the system refuses.
bool pin_thread(uint32_t cpu);

// Lets waits of the calling thread end when they are due, not up to 50 us later.
void use_sharp_timers();

// Raises the limit of open descriptors as far as it goes; returns what it is then.
uint64_t raise_descriptor_limit(uint64_t wanted);

// User and system time of this process so far.
double process_cpu_seconds();

}  // namespace sluice::llm_kit
