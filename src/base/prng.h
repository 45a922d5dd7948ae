// The only source of randomness for decisions: a small seeded generator (xoshiro256**, by
// Blackman and Vigna, public domain description). One per shard; not for secrets.
#pragma once

#include <bit>
#include <cstdint>

namespace sluice {

class Prng {
public:
    explicit constexpr Prng(uint64_t seed) {
        // SplitMix64 spreads any seed, zero included, over the whole state.
        for (uint64_t& word : state_) {
            seed += 0x9e3779b97f4a7c15ULL;
            uint64_t z = seed;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
            word = z ^ (z >> 31);
        }
    }

    constexpr uint64_t next() {
        const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    // Uniform in [0, bound); bound must not be 0. Multiply-shift: the bias is below 2^-32 for any
    // bound that fits in 32 bits.
    constexpr uint32_t below(uint32_t bound) {
        return static_cast<uint32_t>(((next() >> 32) * bound) >> 32);
    }

    // Uniform in [0, 1).
    constexpr double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

    constexpr bool chance(double probability) { return unit() < probability; }

private:
    uint64_t state_[4] = {};
};

}  // namespace sluice
