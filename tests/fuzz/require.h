// What a fuzz target demands of the code under test: says which demand failed, then aborts.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/prng.h"

namespace sluice::fuzz {

inline void require(bool holds, const char* demand) {
    if (!holds) {
        std::fprintf(stderr, "not so: %s\n", demand);
        std::abort();
    }
}

// Splits are drawn from the input itself, so that an input alone repeats a run.
inline Prng prng_of(std::string_view input) {
    uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a.
    for (const char c : input) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    return Prng(hash);
}

}  // namespace sluice::fuzz
