// Strict numbers, lists, and JSON escaping.
#include "base/text.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace sluice {

namespace {

std::string escaped(std::string_view text) {
    std::string to;
    append_json_escaped(to, text);
    return to;
}

std::vector<std::string> elements_of(std::string_view list) {
    std::vector<std::string> elements;
    while (const auto element = next_list_element(list)) {
        elements.emplace_back(*element);
    }
    return elements;
}

TEST(Text, ComparesAsciiWithoutCase) {
    EXPECT_TRUE(equals_ignoring_case("Content-Length", "content-lENGTH"));
    EXPECT_TRUE(equals_ignoring_case("", ""));
    EXPECT_FALSE(equals_ignoring_case("a", "ab"));
    EXPECT_FALSE(equals_ignoring_case("@", "`"));  // Differ by the case bit alone.
    EXPECT_FALSE(equals_ignoring_case("\xC4", "\xE4"));
}

TEST(Text, TrimsOnlySpacesAndTabs) {
    EXPECT_EQ(trim_ows(" \t a b\t "), "a b");
    EXPECT_EQ(trim_ows("\ra\n"), "\ra\n");
    EXPECT_EQ(trim_ows(" \t "), "");
    EXPECT_EQ(trim_ows(""), "");
}

TEST(Text, DecimalIsDigitsOnly) {
    EXPECT_EQ(parse_decimal("0"), 0U);
    EXPECT_EQ(parse_decimal("007"), 7U);
    EXPECT_EQ(parse_decimal("999999999999999"), 999'999'999'999'999U);
    for (const char* text : {"", " 1", "1 ", "+1", "-1", "0x1", "1e3", "1_0", "1.0", "\xD9\xA1",
                             "1000000000000000", "18446744073709551616"}) {
        EXPECT_EQ(parse_decimal(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_decimal(std::string_view("1\0", 2)), std::nullopt);
}

TEST(Text, HexIsDigitsOnly) {
    EXPECT_EQ(parse_hex("0"), 0U);
    EXPECT_EQ(parse_hex("aF"), 0xAFU);
    EXPECT_EQ(parse_hex("fffffffffffffff"), 0xFFF'FFFF'FFFF'FFFFU);
    for (const char* text : {"", "0x1", "g", " a", "a ", "-1", "1000000000000000", "a;b"}) {
        EXPECT_EQ(parse_hex(text), std::nullopt) << text;
    }
}

TEST(Text, WritesNumbers) {
    constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();
    char digits[20];
    EXPECT_EQ(std::string_view(digits, write_decimal(0, digits)), "0");
    EXPECT_EQ(std::string_view(digits, write_decimal(kLargest, digits)), "18446744073709551615");
    EXPECT_EQ(std::string_view(digits, write_hex(0, digits)), "0");
    EXPECT_EQ(std::string_view(digits, write_hex(kLargest, digits)), "ffffffffffffffff");
    std::string text = "n=";
    append_decimal(text, 42);
    EXPECT_EQ(text, "n=42");
}

TEST(Text, WritesSecondsWithSixDigits) {
    const auto seconds = [](int64_t ns) {
        std::string text;
        append_seconds(text, ns);
        return text;
    };
    EXPECT_EQ(seconds(0), "0.000000");
    EXPECT_EQ(seconds(123'456), "0.000123");
    EXPECT_EQ(seconds(61'000'001'999), "61.000001");
    EXPECT_EQ(seconds(-5), "0.000000");
}

TEST(Text, CutsLists) {
    EXPECT_EQ(elements_of("a, b ,c"), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(elements_of(",, \t,a,"), (std::vector<std::string>{"a"}));
    EXPECT_TRUE(elements_of("").empty());
    EXPECT_TRUE(elements_of(" , ,").empty());
}

TEST(Text, EscapesForJson) {
    EXPECT_EQ(escaped("plain"), "plain");
    EXPECT_EQ(escaped("\"\\\n\r\t"), R"(\"\\\n\r\t)");
    EXPECT_EQ(escaped(std::string_view("\0\x1F\x7F", 3)), "\\u0000\\u001f\x7F");
    EXPECT_EQ(escaped("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
              "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
}

TEST(Text, EscapingReplacesEachByteThatIsNotUtf8) {
    const std::string_view bad = "\xEF\xBF\xBD";
    const auto repeated = [&](int count) {
        std::string text;
        for (int i = 0; i < count; ++i) {
            text += bad;
        }
        return text;
    };
    EXPECT_EQ(escaped("\xFF"), repeated(1));
    EXPECT_EQ(escaped("\x80"), repeated(1));
    EXPECT_EQ(escaped("\xC3"), repeated(1));              // Cut short.
    EXPECT_EQ(escaped("\xC0\x80"), repeated(2));          // Overlong.
    EXPECT_EQ(escaped("\xE0\x9F\xBF"), repeated(3));      // Overlong.
    EXPECT_EQ(escaped("\xED\xA0\x80"), repeated(3));      // A surrogate.
    EXPECT_EQ(escaped("\xF0\x8F\xBF\xBF"), repeated(4));  // Overlong.
    EXPECT_EQ(escaped("\xF4\x90\x80\x80"), repeated(4));  // Beyond U+10FFFF.
    EXPECT_EQ(escaped("\xE2\x82"
                      "A"),
              repeated(2) + "A");
    EXPECT_EQ(escaped("\xF4\x8F\xBF\xBF"), "\xF4\x8F\xBF\xBF");
}

}  // namespace

}  // namespace sluice
