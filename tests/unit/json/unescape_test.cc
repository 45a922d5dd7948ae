// From the inside of a JSON string to its text and back.
#include "json/unescape.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/arena.h"
#include "base/prng.h"
#include "unit/json/random_json.h"

namespace sluice::json {
namespace {

struct Pair {
    std::string_view raw;
    std::string_view text;
};

TEST(Unescape, KnowsEveryEscape) {
    const Pair pairs[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xE6\x95\x8F", "\xE6\x95\x8F"},
        {R"(\"\\\/\b\f\n\r\t)", "\"\\/\b\f\n\r\t"},
        {R"(a\nb)", "a\nb"},
        {R"(\u0041\u00e9\u20AC\uFFFD)", "A\xC3\xA9\xE2\x82\xAC\xEF\xBF\xBD"},
        {R"(\u007f\u0080\u07ff\u0800)", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80"},
        {R"(\ud83e\udd8a)", "\xF0\x9F\xA6\x8A"},
        {R"(\uD800\uDC00\uDBFF\uDFFF)", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
        {R"(\ud7ff\ue000)", "\xED\x9F\xBF\xEE\x80\x80"},
        {R"(x\u0000y)", std::string_view("x\0y", 3)},
        {R"(\\u0041)", R"(\u0041)"},
    };
    for (const Pair& pair : pairs) {
        Arena arena;
        const Result<std::string_view> text = unescape(pair.raw, arena);
        ASSERT_TRUE(text.has_value()) << pair.raw;
        EXPECT_EQ(*text, pair.text);
    }
}

TEST(Unescape, CopiesOnlyWhenItMust) {
    Arena arena;
    const std::string_view raw = "gpt-4o-mini";
    EXPECT_EQ(unescape(raw, arena)->data(), raw.data());
    EXPECT_EQ(arena.reserved_bytes(), 0U);
}

TEST(Unescape, RefusesWhatHasNoMeaning) {
    for (const std::string_view raw :
         {R"(\ud800)", R"(\udc00)", R"(\ud800x)", R"(\ud800\n)", R"(\ud800\u0041)",
          R"(\udc00\ud800)", R"(\ud800\ud800)", R"(a\udfff)", R"(\)", R"(\q)", R"(\u12)",
          R"(\u12g4)", R"(\ud800\udc0)", R"(\ud800\)"}) {
        Arena arena;
        const Result<std::string_view> text = unescape(raw, arena);
        ASSERT_FALSE(text.has_value()) << raw;
        EXPECT_EQ(text.error().kind, ErrorKind::invalid_json);
    }
}

TEST(Unescape, QuoteIsTheInverse) {
    for (const std::string_view text :
         {"", "plain", "a \"b\" \\ c\n\t\x01\x1F", "caf\xC3\xA9 \xF0\x9F\xA6\x8A"}) {
        Arena arena;
        std::string_view raw = quote(text, arena);
        ASSERT_GE(raw.size(), 2U);
        EXPECT_EQ(raw.front(), '"');
        EXPECT_EQ(raw.back(), '"');
        raw = raw.substr(1, raw.size() - 2);
        EXPECT_EQ(unescape(raw, arena).value_or("?"), text);
    }
    Arena arena;
    EXPECT_EQ(quote("a\xFFz", arena), "\"a\xEF\xBF\xBDz\"");
}

TEST(Unescape, AgreesWithSimdjson) {
    Prng prng(11);
    simdjson::dom::parser parser;
    for (int round = 0; round < 3000; ++round) {
        std::string quoted;
        test::RandomJson(prng).string(quoted);
        Arena arena;
        const auto text = unescape(std::string_view(quoted).substr(1, quoted.size() - 2), arena);
        std::string_view expected;
        ASSERT_EQ(parser.parse(quoted).get(expected), simdjson::SUCCESS) << quoted;
        ASSERT_TRUE(text.has_value()) << quoted;
        EXPECT_EQ(*text, expected);
    }
}

}  // namespace
}  // namespace sluice::json
