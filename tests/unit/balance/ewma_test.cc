// The moving average in one word.
#include "balance/ewma.h"

#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

constexpr Duration kTau = Duration::seconds(10);

TEST(Ewma, FadesAboutExponentially) {
    EXPECT_EQ(fade(0.0), 1.0);
    double before = 1;
    for (double x = 0.01; x < 40; x += 0.01) {
        EXPECT_NEAR(fade(x), std::exp(-x), 0.04);
        EXPECT_LE(fade(x), before);
        before = fade(x);
    }
    EXPECT_EQ(fade(30.0), 0.0);
}

TEST(Ewma, TheFirstSampleIsTheValue) {
    Ewma ewma;
    EXPECT_TRUE(ewma.is_empty());
    EXPECT_EQ(ewma.value(7), 7.0);
    ewma.add(3, kStart, kTau);
    EXPECT_FALSE(ewma.is_empty());
    EXPECT_NEAR(ewma.value(7), 3.0, 1e-6);
}

TEST(Ewma, AZeroIsASampleToo) {
    Ewma ewma;
    ewma.add(0, Instant::from_ns(0), kTau);
    EXPECT_FALSE(ewma.is_empty());
    EXPECT_NEAR(ewma.value(7), 0.0, 1e-30);
}

TEST(Ewma, WeighsByTimeAndAtLeastATwentieth) {
    Ewma ewma;
    ewma.add(0, kStart, kTau);
    ewma.add(1, after_ms(10'000), kTau);
    EXPECT_NEAR(ewma.value(0), 1 - fade(1.0), 1e-5);
    const double before = ewma.value(0);
    ewma.add(1, after_ms(10'000), kTau);
    EXPECT_NEAR(ewma.value(0), before + (1 - before) * Ewma::kShareMin, 1e-5);
}

TEST(Ewma, GoesToRestWhileNothingIsHeard) {
    Ewma ewma;
    ewma.add(5, kStart, kTau);
    EXPECT_NEAR(ewma.value_now(1, kStart, kTau), 5.0, 1e-5);
    EXPECT_NEAR(ewma.value_now(1, after_ms(10'000), kTau), 1 + 4 * fade(1.0), 1e-5);
    EXPECT_NEAR(ewma.value_now(1, after_ms(1'000'000), kTau), 1.0, 1e-5);
    // A clock that was read a little earlier than the sample's changes nothing.
    EXPECT_NEAR(ewma.value_now(1, after_ms(-50), kTau), 5.0, 1e-5);
}

TEST(Ewma, RaisesButNeverLowers) {
    Ewma ewma;
    ewma.raise(2, kStart);
    ewma.raise(1, kStart);
    EXPECT_NEAR(ewma.value(0), 2.0, 1e-6);
    ewma.raise(8, kStart);
    EXPECT_NEAR(ewma.value(0), 8.0, 1e-6);
}

TEST(Ewma, PilesUpWhatFades) {
    Ewma ewma;
    ewma.pile(1, kStart, kTau);
    ewma.pile(1, kStart, kTau);
    EXPECT_NEAR(ewma.value(0), 2.0, 1e-6);
    ewma.pile(1, after_ms(10'000), kTau);
    EXPECT_NEAR(ewma.value(0), 1 + 2 * fade(1.0), 1e-5);
}

}  // namespace
}  // namespace sluice::balance
