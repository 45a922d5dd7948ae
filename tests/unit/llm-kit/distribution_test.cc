// Distribution and Arrivals: means, shapes, and that a seed repeats itself.
#include "llm-kit/distribution.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "base/time.h"

namespace sluice::llm_kit {
namespace {

constexpr int kSamples = 40'000;

std::vector<double> samples(const Distribution& distribution, uint64_t seed) {
    Prng prng(seed);
    std::vector<double> values(kSamples);
    for (double& value : values) {
        value = static_cast<double>(distribution.sample(prng).ns());
    }
    return values;
}

double mean_of(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) {
        sum += value;
    }
    return sum / static_cast<double>(values.size());
}

double percentile_of(std::vector<double> values, double percent) {
    std::ranges::sort(values);
    return values[static_cast<size_t>(static_cast<double>(values.size()) * percent / 100)];
}

TEST(Distribution, FixedIsTheMean) {
    const Distribution fixed = {.mean = Duration::milliseconds(20)};
    Prng prng(1);
    EXPECT_EQ(fixed.sample(prng), Duration::milliseconds(20));
    EXPECT_FALSE(fixed.is_zero());
    EXPECT_TRUE(Distribution{}.is_zero());
    EXPECT_EQ(Distribution{}.sample(prng), Duration());
}

TEST(Distribution, EveryShapeKeepsTheMean) {
    for (const Shape shape : {Shape::exponential, Shape::lognormal}) {
        for (const double sigma : {0.2, 0.5, 1.0}) {
            const Distribution d = {
                .mean = Duration::milliseconds(50), .shape = shape, .sigma = sigma};
            EXPECT_NEAR(mean_of(samples(d, 3)) / 50e6, 1, 0.02) << sigma;
        }
    }
}

TEST(Distribution, ShapesHaveTheirPercentiles) {
    const Distribution exponential = {.mean = Duration::milliseconds(10),
                                      .shape = Shape::exponential};
    EXPECT_NEAR(percentile_of(samples(exponential, 5), 50) / 10e6, std::log(2.0), 0.02);
    EXPECT_NEAR(percentile_of(samples(exponential, 5), 99) / 10e6, std::log(100.0), 0.15);
    const Distribution lognormal = {
        .mean = Duration::milliseconds(10), .shape = Shape::lognormal, .sigma = 0.5};
    EXPECT_NEAR(percentile_of(samples(lognormal, 5), 50) / 10e6, std::exp(-0.125), 0.02);
    EXPECT_NEAR(percentile_of(samples(lognormal, 5), 99) / 10e6, std::exp(0.5 * 2.326 - 0.125),
                0.1);
}

TEST(Distribution, NothingIsNegativeAndASeedRepeats) {
    const Distribution d = {.mean = Duration::milliseconds(1), .shape = Shape::lognormal};
    const std::vector<double> first = samples(d, 9);
    EXPECT_GE(*std::ranges::min_element(first), 0);
    EXPECT_EQ(first, samples(d, 9));
    EXPECT_NE(first, samples(d, 10));
}

TEST(Arrivals, ConstantOnesAreEvenlySpaced) {
    const Instant start = Instant::from_ns(1'000);
    Arrivals arrivals(start, 1'000, Arrivals::Kind::constant, 1);
    for (int64_t i = 1; i <= 1'000; ++i) {
        const int64_t due_ns = start.ns() + i * 1'000'000;
        EXPECT_NEAR(static_cast<double>(arrivals.next().ns()), static_cast<double>(due_ns), 2);
        arrivals.advance();
    }
}

TEST(Arrivals, PoissonOnesKeepTheRateAndVary) {
    Arrivals arrivals(Instant::from_ns(5), 10'000, Arrivals::Kind::poisson, 4);
    std::vector<double> gaps;
    Instant before = Instant::from_ns(5);
    for (int i = 0; i < kSamples; ++i) {
        ASSERT_GE(arrivals.next(), before);
        gaps.push_back(static_cast<double>((arrivals.next() - before).ns()));
        before = arrivals.next();
        arrivals.advance();
    }
    EXPECT_NEAR(mean_of(gaps) / 1e5, 1, 0.02);
    EXPECT_NEAR(percentile_of(gaps, 50) / 1e5, std::log(2.0), 0.02);
}

}  // namespace
}  // namespace sluice::llm_kit
