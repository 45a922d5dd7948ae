// Base64: the examples of RFC 4648 section 10, both alphabets, and what must be refused.
#include "crypto/base64.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::crypto {
namespace {

TEST(Base64, KnowsTheStandardsExamples) {
    const std::pair<const char*, const char*> cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [bytes, text] : cases) {
        EXPECT_EQ(base64(bytes), text);
        EXPECT_EQ(decode_base64(text), bytes);
    }
}

TEST(Base64, UrlAlphabetHasNoPadding) {
    const std::string bytes = "\xfb\xff\xfe";
    EXPECT_EQ(base64(bytes), "+//+");
    EXPECT_EQ(base64url(bytes), "-__-");
    EXPECT_EQ(base64url("f"), "Zg");
    EXPECT_EQ(decode_base64("-__-"), bytes);
    EXPECT_EQ(decode_base64("Zg"), "f");
}

TEST(Base64, RefusesEverythingElse) {
    for (const char* text : {"Z", "Zg=a", "Zg ==", "Z\n", "Zm9v!", "=", "===="}) {
        EXPECT_TRUE(decode_base64(text).value_or("").empty()) << text;
    }
    EXPECT_FALSE(decode_base64("Zm9vY"));
}

}  // namespace
}  // namespace sluice::crypto
