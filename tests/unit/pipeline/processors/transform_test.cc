// transform: each kind of edit, their order, and not one other byte.
#include "pipeline/processors/transform.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "unit/pipeline/processors/step_test.h"

namespace sluice::pipeline {
namespace {

class TransformTest : public StepTest {
protected:
    std::string with(const TransformOptions& options, std::string_view body) {
        make("transform", options);
        return edited(kChat, body);
    }
};

TEST_F(TransformTest, SetsMembers) {
    const TransformOptions options = {.set = {{"temperature", "0.2"}}};
    EXPECT_EQ(with(options, R"({"a" : 1, "temperature":  1.0 })"),
              R"({"a" : 1, "temperature":  0.2 })");
    EXPECT_EQ(with(options, R"({"a":1})"), R"({"temperature":0.2,"a":1})");
    EXPECT_EQ(with(options, R"({})"), R"({"temperature":0.2})");
    EXPECT_EQ(with(options, R"({"temperature":0.2})"), R"({"temperature":0.2})");
    EXPECT_EQ(with(options, R"([])"), R"([])");
}

TEST_F(TransformTest, MakesParents) {
    const TransformOptions options = {.set = {{"metadata.team.name", R"("search")"}}};
    EXPECT_EQ(with(options, R"({"a":1})"), R"({"metadata":{"team":{"name":"search"}},"a":1})");
    EXPECT_EQ(with(options, R"({"metadata":{"x":1}})"),
              R"({"metadata":{"team":{"name":"search"},"x":1}})");
    EXPECT_EQ(with(options, R"({"metadata":null})"), R"({"metadata":{"team":{"name":"search"}}})");
    // A text has no members, and is not ours to throw away.
    EXPECT_EQ(with(options, R"({"metadata":"x"})"), R"({"metadata":"x"})");
}

TEST_F(TransformTest, ReachesItems) {
    constexpr std::string_view kBody =
        R"({"messages":[{"content":"a"},{"name":"n","content":"b"},"x"]})";
    EXPECT_EQ(with({.set = {{"messages[*].name", "\"k\""}}}, kBody),
              R"({"messages":[{"name":"k","content":"a"},{"name":"k","content":"b"},"x"]})");
    EXPECT_EQ(with({.set = {{"messages[1].content", "null"}}}, kBody),
              R"({"messages":[{"content":"a"},{"name":"n","content":null},"x"]})");
    EXPECT_EQ(with({.set = {{"messages[3].content", "1"}}}, kBody), kBody);
    EXPECT_EQ(with({.set = {{"tools[0].x", "1"}}}, kBody), kBody);
    EXPECT_EQ(with({.set = {{"messages[2]", "{}"}}}, kBody),
              R"({"messages":[{"content":"a"},{"name":"n","content":"b"},{}]})");
}

TEST_F(TransformTest, GivesDefaults) {
    const TransformOptions options = {.defaults = {{"a.b", "1"}}};
    EXPECT_EQ(with(options, R"({"a":{"b":null}})"), R"({"a":{"b":null}})");
    EXPECT_EQ(with(options, R"({"a":{}})"), R"({"a":{"b":1}})");
    EXPECT_EQ(with(options, R"({"a":null})"), R"({"a":{"b":1}})");
}

TEST_F(TransformTest, TakesThingsOut) {
    EXPECT_EQ(with({.remove = {"a", "c"}}, R"({ "a":1, "b":2, "c":3 })"), R"({ "b":2 })");
    EXPECT_EQ(with({.remove = {"m[*].x"}}, R"({"m":[{"x":1},{"y":1,"x":2},{"x":1,"y":3}]})"),
              R"({"m":[{},{"y":1},{"y":3}]})");
    EXPECT_EQ(with({.remove = {"m[1]"}}, R"({"m":[0,1,2]})"), R"({"m":[0,2]})");
    EXPECT_EQ(with({.remove = {"m[*]"}}, R"({"m":[0, 1, 2]})"), R"({"m":[]})");
    EXPECT_EQ(with({.remove = {"x"}}, R"({"a":1})"), R"({"a":1})");
    // However it is spelled, and however often it is there.
    EXPECT_EQ(with({.remove = {"ab"}}, R"({"ab":1,"x":2,"a\u0062":3,"ab":4})"), R"({"x":2})");
}

TEST_F(TransformTest, RenamesMembers) {
    const TransformOptions options = {.rename = {{"max_tokens", "max_completion_tokens"}}};
    EXPECT_EQ(with(options, R"({ "max_tokens" : 5 })"), R"({ "max_completion_tokens" : 5 })");
    EXPECT_EQ(with(options, R"({"max_tokens":5,"max_completion_tokens":6})"),
              R"({"max_completion_tokens":6})");
    EXPECT_EQ(with(options, R"({"max_tokens":5,"max_tokens":6})"),
              R"({"max_completion_tokens":5})");
    EXPECT_EQ(with({.rename = {{"m[*].a", "b"}}}, R"({"m":[{"a":1},{"a":2,"c":3}]})"),
              R"({"m":[{"b":1},{"b":2,"c":3}]})");
}

TEST_F(TransformTest, ClampsNumbers) {
    const TransformOptions options = {.clamp = {{"t", "0..1.5"}}};
    EXPECT_EQ(with(options, R"({"t":2})"), R"({"t":1.5})");
    EXPECT_EQ(with(options, R"({"t":-0.1})"), R"({"t":0})");
    EXPECT_EQ(with(options, R"({"t":1.50})"), R"({"t":1.50})");
    EXPECT_EQ(with(options, R"({"t":"9"})"), R"({"t":"9"})");
    EXPECT_EQ(with(options, R"({"t":1e999})"), R"({"t":1.5})");
    EXPECT_EQ(with({.clamp = {{"t", "3.."}}}, R"({"t":2})"), R"({"t":3})");
    EXPECT_EQ(with({.clamp = {{"t", "..3"}}}, R"({"t":4})"), R"({"t":3})");
    EXPECT_EQ(with({.clamp = {{"t", "..3"}}}, R"({"t":4,"t":5})"), R"({"t":3,"t":3})");
}

TEST_F(TransformTest, HasAFixedOrder) {
    EXPECT_EQ(with({.remove = {"a"},
                    .rename = {{"b", "a"}},
                    .defaults = {{"a", "1"}, {"c", "7"}},
                    .set = {{"d", "9"}},
                    .clamp = {{"a", "..5"}, {"d", "..5"}}},
                   R"({"a":1,"b":8})"),
              R"({"d":5,"c":7,"a":5})");
}

TEST(NumberRange, SaysWhatWasExpected) {
    for (const std::string_view wrong : {"", "..", "1", "a..b", "1..0", "0...1", "0..1x"}) {
        EXPECT_FALSE(NumberRange::parse(wrong)) << wrong;
    }
    EXPECT_EQ(NumberRange::parse("2..1").error(), "expected the lower number first");
    const auto range = NumberRange::parse(" -1e1 .. 2 ");
    ASSERT_TRUE(range);
    EXPECT_EQ(range->low, "-1e1");
    EXPECT_EQ(range->low_value, -10);
    EXPECT_EQ(range->high, "2");
}

}  // namespace
}  // namespace sluice::pipeline
