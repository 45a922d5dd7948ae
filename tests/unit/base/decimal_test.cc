// Decimal numbers as scaled integers: exact where they fit, nearest where they do not.
#include "base/decimal.h"

#include <cstdint>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace sluice {
namespace {

std::string written(WideInteger value, int places, int places_min) {
    std::string text;
    append_scaled(text, value, places, places_min);
    return text;
}

TEST(DecimalTest, ReadsWhatJsonWrites) {
    EXPECT_EQ(parse_scaled("0", 12), 0);
    EXPECT_EQ(parse_scaled("1", 12), kPicoPerDollar);
    EXPECT_EQ(parse_scaled("1.25e-06", 12), 1'250'000);
    EXPECT_EQ(parse_scaled("0.00000125", 12), 1'250'000);
    EXPECT_EQ(parse_scaled("2.8E-09", 12), 2'800);
    EXPECT_EQ(parse_scaled("3.625e-9", 12), 3'625);
    EXPECT_EQ(parse_scaled("32e3", 0), 32'000);
    EXPECT_EQ(parse_scaled("1000000.0", 0), 1'000'000);
    EXPECT_EQ(parse_scaled("0e5", 12), 0);
}

TEST(DecimalTest, GoesToTheNearestBelowTheLastPlace) {
    EXPECT_EQ(parse_scaled("1.2000000000000002e-06", 12), 1'200'000);
    EXPECT_EQ(parse_scaled("1.4999e-12", 12), 1);
    EXPECT_EQ(parse_scaled("1.5e-12", 12), 2);
    EXPECT_EQ(parse_scaled("4.9e-13", 12), 0);
    EXPECT_EQ(parse_scaled("5e-13", 12), 1);
    EXPECT_EQ(parse_scaled("9e-100", 12), 0);
    EXPECT_EQ(parse_scaled("0.1234567890123456789012345678901234567890", 12), 123'456'789'012);
    EXPECT_EQ(parse_scaled("1000000000000000000000000000000000000000e-39", 2), 100);
}

TEST(DecimalTest, RefusesWhatIsNoAmount) {
    for (const char* text : {"", "-1", "+1", ".5", "1.", "1e", "1e+", "0x1", "1 ", " 1", "nan",
                             "1,5", "1e99", "10000000", "99999999999999999999999999999999999"}) {
        EXPECT_EQ(parse_scaled(text, 12), std::nullopt) << text;
    }
    EXPECT_EQ(parse_scaled("9223372.036854775807", 12), INT64_MAX);
    EXPECT_EQ(parse_scaled("9223372.036854775808", 12), std::nullopt);
}

TEST(DecimalTest, WritesEveryPlaceThatIsNotZero) {
    EXPECT_EQ(written(0, 12, 0), "0");
    EXPECT_EQ(written(0, 12, 2), "0.00");
    EXPECT_EQ(written(kPicoPerDollar, 12, 0), "1");
    EXPECT_EQ(written(7'500'000'000, 12, 0), "0.0075");
    EXPECT_EQ(written(7'500'000'000, 12, 6), "0.007500");
    EXPECT_EQ(written(1, 12, 2), "0.000000000001");
    EXPECT_EQ(written(-1'500'000'000'000, 12, 2), "-1.50");
    EXPECT_EQ(written(static_cast<WideInteger>(INT64_MAX) * 1'000, 12, 0), "9223372036.854775807");
    EXPECT_EQ(written(42, 0, 0), "42");
}

TEST(DecimalTest, WhatIsWrittenIsReadAgain) {
    for (int64_t value = 1; value < INT64_MAX / 7; value = value * 7 + 3) {
        EXPECT_EQ(parse_scaled(written(value, 12, 0), 12), value);
    }
}

}  // namespace
}  // namespace sluice
