// The tree: what it yields, and that it takes and refuses what the Validator does.
#include "json/tree.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/prng.h"
#include "json/validator.h"
#include "unit/json/json_cases.h"
#include "unit/json/random_json.h"

namespace sluice::json {
namespace {

const Value& parse(std::string_view text, Arena& arena) {
    const auto tree = Value::parse(text, arena, ErrorSource::client);
    EXPECT_TRUE(tree) << text << ": " << tree.error().where;
    return **tree;
}

TEST(Tree, KeepsEverythingAsItWasWritten) {
    Arena arena;
    const Value& root =
        parse(R"( {"a" : 1.50e1, "b":"x\u0041\n", "c":[1, {"d":null}] ,"e":{},"f":true} )", arena);
    EXPECT_EQ(root.size(), 5U);
    EXPECT_EQ(root["a"].raw(), "1.50e1");
    EXPECT_DOUBLE_EQ(root["a"].number().value_or(0), 15.0);
    EXPECT_FALSE(root["a"].integer());
    EXPECT_EQ(root["b"].text().raw, R"(x\u0041\n)");
    EXPECT_EQ(root["c"].raw(), R"([1, {"d":null}])");
    EXPECT_EQ(root["c"].size(), 2U);
    EXPECT_EQ(root["c"].begin()->integer(), 1);
    EXPECT_EQ(root["e"].raw(), "{}");
    EXPECT_TRUE(root["f"].is_true());
    EXPECT_FALSE(root["g"].is_present());
    EXPECT_FALSE(root["a"]["b"].is_present());
    std::string keys;
    for (const Value& member : root) {
        keys += member.key().raw;
    }
    EXPECT_EQ(keys, "abcef");
}

TEST(Tree, TheFirstOfTwoMembersCounts) {
    Arena arena;
    EXPECT_EQ(parse(R"({"a":1,"a":2})", arena)["a"].integer(), 1);
}

TEST(Tree, DepthIsLimitedAndCostsNoStack) {
    Arena arena;
    const std::string deepest =
        std::string(Value::kDepthMax, '[') + std::string(Value::kDepthMax, ']');
    EXPECT_TRUE(Value::parse(deepest, arena, ErrorSource::client));
    EXPECT_FALSE(Value::parse("[" + deepest + "]", arena, ErrorSource::client));
}

void expect_same_verdict(std::string_view text) {
    Arena arena;
    Validator validator;
    const bool is_valid = validator.feed(text).has_value() && validator.finish().has_value();
    EXPECT_EQ(Value::parse(text, arena, ErrorSource::client).has_value(), is_valid) << text;
}

TEST(Tree, AgreesWithTheValidator) {
    for (const std::string_view text : {"",
                                        " ",
                                        "[1,]",
                                        "[,1]",
                                        "{,}",
                                        R"({"a":1,})",
                                        R"({"a" 1})",
                                        "01",
                                        "-",
                                        "1.",
                                        ".5",
                                        "1e",
                                        "1e+",
                                        "+1",
                                        "nul",
                                        "truex",
                                        "[1 2]",
                                        R"("\q")",
                                        R"("\u12g4")",
                                        "\"\x01\"",
                                        "\"\xff\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"a",
                                        "[",
                                        "]",
                                        "{\"a\":}",
                                        "[[]",
                                        "1 2",
                                        "\xef\xbb\xbf{}",
                                        "-0",
                                        "0.0e-0",
                                        R"(["\ud800"])",
                                        "\t[\n]\r",
                                        R"({"":{"":""}})"}) {
        expect_same_verdict(text);
    }
    for (const test::CaseClass& cases : test::kCaseClasses) {
        for (const std::string_view text : cases.texts) {
            expect_same_verdict(text);
        }
    }
    Prng prng(7);
    test::RandomJson random(prng);
    for (int i = 0; i < 2000; ++i) {
        std::string text = random.document();
        expect_same_verdict(text);
        text.resize(prng.below(static_cast<uint32_t>(text.size()) + 1));
        expect_same_verdict(text);
    }
}

TEST(Tree, NumbersOfArraysCanBeSkipped) {
    Arena arena;
    const auto tree = Value::parse(R"({"a":[1,-2.5e3 ],"b":[{"c":7},8,"x"],"d":9})", arena,
                                   ErrorSource::client, NumberItems::skipped);
    ASSERT_TRUE(tree.has_value());
    EXPECT_EQ((**tree)["a"].raw(), "[1,-2.5e3 ]");
    EXPECT_EQ((**tree)["a"].size(), 2);
    EXPECT_EQ((**tree)["a"].begin(), (**tree)["a"].end());
    EXPECT_EQ((**tree)["b"].size(), 3);
    EXPECT_EQ((*(**tree)["b"].begin())["c"].integer(), 7);
    EXPECT_EQ((**tree)["d"].integer(), 9);
    for (const std::string_view text : {"[1,]", "[01]", "[-]", "[1 2]", "[1.]", "[1", "[1e]"}) {
        EXPECT_FALSE(
            Value::parse(text, arena, ErrorSource::client, NumberItems::skipped).has_value())
            << text;
    }
}

TEST(Tree, EscapesPlainText) {
    Arena arena;
    EXPECT_EQ(escape("a\"b\\\n\x01", arena).raw, R"(a\"b\\\n\u0001)");
}

}  // namespace
}  // namespace sluice::json
