// How often the process asked the general allocator for memory: by malloc or by the language.
#pragma once

#include <cstdint>

namespace sluice {

uint64_t allocation_count();

}  // namespace sluice
