// Lookup of known names: every name in any case, and nothing else.
#include "http/header_names.h"

#include <cctype>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

std::string upper(std::string_view text) {
    std::string result;
    for (const char c : text) {
        result += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    return result;
}

HeaderId find_exact(std::string_view text) {
    // A block of just that size shows reads past its end.
    const std::vector<char> exact(text.begin(), text.end());
    return header_id({exact.data(), exact.size()});
}

TEST(HeaderNames, EveryNameIsFoundInAnyCase) {
    for (size_t i = 1; i < kHeaderIdCount; ++i) {
        const auto id = static_cast<HeaderId>(i);
        const std::string name(header_name(id));
        ASSERT_FALSE(name.empty());
        EXPECT_EQ(find_exact(name), id) << name;
        EXPECT_EQ(find_exact(upper(name)), id) << name;
        std::string mixed = name;
        mixed[mixed.size() / 2] = upper(name)[mixed.size() / 2];
        EXPECT_EQ(find_exact(mixed), id) << mixed;
    }
}

TEST(HeaderNames, EveryOtherByteInANameMakesItUnknown) {
    for (size_t i = 1; i < kHeaderIdCount; ++i) {
        const std::string name(header_name(static_cast<HeaderId>(i)));
        for (size_t at = 0; at < name.size(); ++at) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string changed = name;
                changed[at] = static_cast<char>(byte);
                if (std::tolower(byte) == name[at]) {
                    continue;
                }
                const HeaderId found = header_id(changed);
                // Some names differ in one letter only; then it must be the other one.
                EXPECT_TRUE(found == HeaderId::other || header_name(found) == changed)
                    << name << " with " << byte << " at " << at;
            }
        }
    }
}

TEST(HeaderNames, ShorterAndLongerNamesAreUnknown) {
    for (size_t i = 1; i < kHeaderIdCount; ++i) {
        const std::string name(header_name(static_cast<HeaderId>(i)));
        EXPECT_EQ(find_exact(name + "x"), HeaderId::other) << name;
        EXPECT_EQ(find_exact(name.substr(1)), HeaderId::other) << name;
        const HeaderId shorter = find_exact(name.substr(0, name.size() - 1));
        EXPECT_TRUE(shorter == HeaderId::other || header_name(shorter).size() == name.size() - 1);
    }
    EXPECT_EQ(find_exact(""), HeaderId::other);
    EXPECT_EQ(header_id(std::string(1000, 'x')), HeaderId::other);
}

TEST(HeaderNames, TheEnumeratorsMeanWhatTheySay) {
    EXPECT_EQ(header_id("Host"), HeaderId::host);
    EXPECT_EQ(header_id("Content-Length"), HeaderId::content_length);
    EXPECT_EQ(header_id("Transfer-Encoding"), HeaderId::transfer_encoding);
    EXPECT_EQ(header_id("TE"), HeaderId::te);
    EXPECT_EQ(header_id("X-RateLimit-Reset-Tokens"), HeaderId::x_ratelimit_reset_tokens);
    EXPECT_EQ(header_name(HeaderId::other), "");
}

}  // namespace
}  // namespace sluice::http
