// What is masked in a log, and what is not.
#include "pipeline/mask_secrets.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"

namespace sluice::pipeline {
namespace {

std::string masked(std::string_view text) {
    Arena arena;
    return std::string(mask_secrets(text, arena));
}

TEST(MaskSecrets, MasksKeys) {
    EXPECT_EQ(masked("use sk-proj-abc123def456ghi, please"), "use [key], please");
    EXPECT_EQ(masked("AKIAIOSFODNN7EXAMPLE"), "[key]");
    EXPECT_EQ(masked("token=\"ghp_16C7e42F292c6912E7710c838347Ae178B4a\""), "token=\"[key]\"");
    EXPECT_EQ(masked("0123456789abcdef0123456789abcdef"), "[key]");
}

TEST(MaskSecrets, MasksAddresses) {
    EXPECT_EQ(masked("Write to jane.doe+x@mail.example.org."), "Write to [email].");
    EXPECT_EQ(masked("a@b"), "a@b");
    EXPECT_EQ(masked("@name and x @ y.z"), "@name and x @ y.z");
}

TEST(MaskSecrets, MasksCards) {
    EXPECT_EQ(masked("4111 1111 1111 1111!"), "[card]!");
    EXPECT_EQ(masked("card 5500-0000-0000-0004"), "card [card]");
    EXPECT_EQ(masked("4111111111111112"), "4111111111111112");
    EXPECT_EQ(masked("call 555 0100"), "call 555 0100");
}

TEST(MaskSecrets, LeavesProseAlone) {
    constexpr std::string_view kProse =
        "A supercalifragilisticexpialidocious word, 2026-01-31, https://example.org/a/b2/c3, x_y.";
    Arena arena;
    EXPECT_EQ(mask_secrets(kProse, arena).data(), kProse.data());
}

}  // namespace
}  // namespace sluice::pipeline
