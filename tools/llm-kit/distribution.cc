// Inverse transform for the exponential, Box and Muller's transform for the normal.
#include "llm-kit/distribution.h"

#include <cmath>
#include <cstdint>
#include <numbers>

#include "base/prng.h"
#include "base/time.h"

namespace sluice::llm_kit {

namespace {

// Uniform in (0, 1]: its logarithm is finite.
double unit_above_zero(Prng& prng) {
    return 1.0 - prng.unit();
}

double standard_normal(Prng& prng) {
    const double radius = std::sqrt(-2.0 * std::log(unit_above_zero(prng)));
    return radius * std::cos(2.0 * std::numbers::pi * prng.unit());
}

}  // namespace

Duration Distribution::sample(Prng& prng) const {
    const auto mean_ns = static_cast<double>(mean.ns());
    double ns = mean_ns;
    switch (shape) {
        case Shape::fixed:
            return mean;
        case Shape::exponential:
            ns = -std::log(unit_above_zero(prng)) * mean_ns;
            break;
        case Shape::lognormal:
            // exp(mu + sigma N) has the mean exp(mu + sigma^2 / 2).
            ns = mean_ns * std::exp(sigma * standard_normal(prng) - sigma * sigma / 2);
            break;
    }
    return Duration::nanoseconds(static_cast<int64_t>(ns));
}

Arrivals::Arrivals(Instant start, double per_second, Kind kind, uint64_t seed)
    : gap_ns_(1e9 / per_second),
      next_ns_(static_cast<double>(start.ns())),
      kind_(kind),
      prng_(seed) {
    advance();
}

void Arrivals::advance() {
    next_ns_ += kind_ == Kind::constant ? gap_ns_ : -std::log(unit_above_zero(prng_)) * gap_ns_;
    next_ = Instant::from_ns(static_cast<int64_t>(next_ns_));
}

}  // namespace sluice::llm_kit
