// Edit distance and the choice of the nearest name.
#include "config/nearest.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

TEST(EditDistance, CountsSlips) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("port", "port"), 0U);
    EXPECT_EQ(edit_distance("", "port"), 4U);
    EXPECT_EQ(edit_distance("prt", "port"), 1U);    // One letter is missing.
    EXPECT_EQ(edit_distance("porrt", "port"), 1U);  // One too many.
    EXPECT_EQ(edit_distance("pott", "port"), 1U);   // One wrong.
    EXPECT_EQ(edit_distance("prot", "port"), 1U);   // Two swapped.
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(EditDistance, IsSymmetric) {
    for (const std::string_view a : {"host", "log_level", "pin_shards", ""}) {
        for (const std::string_view b : {"hots", "loglevel", "shards", "x"}) {
            EXPECT_EQ(edit_distance(a, b), edit_distance(b, a)) << a << " " << b;
        }
    }
}

TEST(EditDistance, TakesLongNames) {
    const std::string longest(64, 'a');
    EXPECT_EQ(edit_distance(longest, longest), 0U);
    EXPECT_EQ(edit_distance(longest, ""), 64U);
    EXPECT_EQ(edit_distance(longest + "a", longest), SIZE_MAX);
}

TEST(Nearest, FindsTheSlipAndNothingElse) {
    constexpr std::string_view kNames[] = {"host", "port", "shards", "log_level"};
    EXPECT_EQ(nearest("prot", kNames), "port");
    EXPECT_EQ(nearest("shard", kNames), "shards");
    EXPECT_EQ(nearest("loglevel", kNames), "log_level");
    EXPECT_EQ(nearest("temperature", kNames), "");
    EXPECT_EQ(nearest("", kNames), "");
    EXPECT_EQ(nearest("x", kNames), "");
}

TEST(Nearest, PrefersTheNearer) {
    constexpr std::string_view kNames[] = {"head_timeout_ms", "send_timeout_ms", "body_timeout_ms"};
    EXPECT_EQ(nearest("bodytimeout_ms", kNames), "body_timeout_ms");
    EXPECT_EQ(did_you_mean("sned_timeout_ms", kNames), "; did you mean \"send_timeout_ms\"?");
    EXPECT_EQ(did_you_mean("quite different", kNames), "");
}

}  // namespace
}  // namespace sluice::config
