// Histogram: percentiles against a sorted list, and the edges of its buckets.
#include "llm-kit/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace sluice::llm_kit {
namespace {

TEST(Histogram, EveryValueLiesInItsBucket) {
    std::vector<uint64_t> values;
    for (unsigned bit = 0; bit < 64; ++bit) {
        const uint64_t power = uint64_t{1} << bit;
        values.insert(values.end(), {power - 1, power, power + 1, power + power / 3});
    }
    values.push_back(UINT64_MAX);
    std::ranges::sort(values);
    size_t before = 0;
    for (const uint64_t value : values) {
        const size_t index = Histogram::index_of(value);
        const uint64_t end = Histogram::upper_end_of(index);
        EXPECT_GE(index, before);
        EXPECT_GE(end, value);
        EXPECT_LE(static_cast<double>(end), static_cast<double>(value) * (1 + 1.0 / 64) + 1);
        EXPECT_TRUE(index == 0 || Histogram::upper_end_of(index - 1) < value) << value;
        before = index;
    }
}

TEST(Histogram, EmptyOneHasNothingToTell) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_EQ(histogram.percentile(99), 0U);
    EXPECT_EQ(histogram.min(), 0U);
    EXPECT_EQ(histogram.max(), 0U);
    EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, PercentilesAreThoseOfTheSortedValues) {
    Prng prng(7);
    Histogram histogram;
    std::vector<int64_t> values;
    for (int i = 0; i < 10'000; ++i) {
        values.push_back(static_cast<int64_t>(std::exp(prng.unit() * 30)));
        histogram.add(values.back());
    }
    std::ranges::sort(values);
    for (const double percent : {0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
        const double rank = std::ceil(static_cast<double>(values.size()) * percent / 100);
        const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
        const auto exact = static_cast<double>(values[index]);
        const auto told = static_cast<double>(histogram.percentile(percent));
        EXPECT_GE(told, exact) << percent;
        EXPECT_LE(told, exact * (1 + 1.0 / 64) + 1) << percent;
    }
    EXPECT_EQ(histogram.percentile(100), static_cast<uint64_t>(values.back()));
}

TEST(Histogram, NeverTellsMoreThanTheLargestValue) {
    Histogram histogram;
    histogram.add(1'000'001);
    EXPECT_EQ(histogram.percentile(50), 1'000'001U);
    histogram.add(-5);  // A clock that stepped back.
    EXPECT_EQ(histogram.min(), 0U);
}

TEST(Histogram, MergingIsAddingUp) {
    Histogram both;
    Histogram one;
    Histogram other;
    for (const int64_t value : {3, 70, 5'000}) {
        one.add(value);
        both.add(value);
    }
    for (const int64_t value : {1, 1'000'000}) {
        other.add(value);
        both.add(value);
    }
    one.merge(other);
    one.merge(Histogram());
    EXPECT_EQ(one.count(), 5U);
    EXPECT_EQ(one.min(), 1U);
    EXPECT_EQ(one.max(), 1'000'000U);
    EXPECT_DOUBLE_EQ(one.mean(), both.mean());
    for (const double percent : {20.0, 50.0, 80.0, 100.0}) {
        EXPECT_EQ(one.percentile(percent), both.percentile(percent));
    }
}

}  // namespace
}  // namespace sluice::llm_kit
