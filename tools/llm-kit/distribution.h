// Distribution: how long a token takes, or how far apart requests come.
//
// Pure: randomness comes in as an argument, so a seed gives the same delays again. The mean is the
// configured one whatever the shape, so runs with different shapes carry the same load.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/prng.h"
#include "base/time.h"

namespace sluice::llm_kit {

enum class Shape : uint8_t {
    fixed,
    exponential,  // Memoryless: queues and batches of an engine under light load.
    lognormal,    // A long tail on one side: what engines under load look like.
};

inline constexpr std::string_view kShapeNames[] = {"fixed", "exponential", "lognormal"};

struct Distribution {
    Duration mean;
    Shape shape = Shape::fixed;
    double sigma = 0.5;  // Of the logarithm; lognormal only. 0.5 puts p99 at 2.8 times the mean.

    Duration sample(Prng& prng) const;
    bool is_zero() const { return mean.ns() <= 0; }
};

// When requests leave in an open loop: at a rate, whatever becomes of them. Intended times depend
// on nothing but the seed.
class Arrivals {
public:
    enum class Kind : uint8_t { constant, poisson };

    // `per_second` is above 0; the first request is due one gap after `start`.
    Arrivals(Instant start, double per_second, Kind kind, uint64_t seed);

    Instant next() const { return next_; }
    void advance();

private:
    double gap_ns_;
    double next_ns_;  // Fractions of a nanosecond add up over a million requests.
    Instant next_;
    Kind kind_;
    Prng prng_;
};

inline constexpr std::string_view kArrivalNames[] = {"constant", "poisson"};

}  // namespace sluice::llm_kit
