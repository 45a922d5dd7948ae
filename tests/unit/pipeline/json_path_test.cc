// Paths into a body: how they are written, and what they find.
#include "pipeline/json_path.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"

namespace sluice::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> found(std::string_view text, std::string_view body) {
    Arena arena;
    const auto path = JsonPath::parse(text);
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    std::vector<std::string> all;
    if (!path || !tree) {
        ADD_FAILURE() << text << " " << body;
        return all;
    }
    path->walk(**tree, arena, [&](const JsonPath::Match& match) {
        const std::string place(path->place(match, arena));
        switch (match.kind) {
            case JsonPath::Match::Kind::found:
                all.push_back(place + " = " + std::string(match.value->raw()));
                break;
            case JsonPath::Match::Kind::missing:
                all.push_back(place + " missing in " + std::string(match.parent->raw()));
                break;
            case JsonPath::Match::Kind::blocked:
                all.push_back(place + " blocked by " + std::string(match.value->raw()));
                break;
        }
    });
    return all;
}

std::string problem(std::string_view text) {
    const auto path = JsonPath::parse(text);
    return path ? "" : path.error();
}

TEST(JsonPath, FindsMembersAndItems) {
    EXPECT_THAT(found("a.b", R"({"a":{"b":1}})"), ElementsAre("a.b = 1"));
    EXPECT_THAT(found("a[1].b", R"({"a":[0,{"b":2}]})"), ElementsAre("a[1].b = 2"));
    EXPECT_THAT(found("a[*][0]", R"({"a":[[1],[2,3]]})"),
                ElementsAre("a[0][0] = 1", "a[1][0] = 2"));
    EXPECT_THAT(found("a[*]", R"({"a":[]})"), ElementsAre());
}

TEST(JsonPath, SaysWhatIsNotThere) {
    EXPECT_THAT(found("a.b", R"({"a":{}})"), ElementsAre("a.b missing in {}"));
    EXPECT_THAT(found("a.b", R"({})"), ElementsAre("a.b missing in {}"));
    EXPECT_THAT(found("a.b", R"({"a":5})"), ElementsAre("a.b blocked by 5"));
    EXPECT_THAT(found("a[2]", R"({"a":[1]})"), ElementsAre("a[2] blocked by [1]"));
    EXPECT_THAT(found("a[*].b", R"({"a":[{"b":1},{}]})"),
                ElementsAre("a[0].b = 1", "a[1].b missing in {}"));
    EXPECT_THAT(found("a[*].b", R"({"a":{}})"), ElementsAre("a[*].b blocked by {}"));
}

TEST(JsonPath, FindsEverySpelling) {
    EXPECT_THAT(found("ab", R"({"ab":1,"a\u0062":2,"ab":3})"),
                ElementsAre("ab = 1", "ab = 2", "ab = 3"));
}

TEST(JsonPath, SaysWhatWasExpectedWhere) {
    EXPECT_EQ(problem("a-b.c_d[0][*].e f"), "");
    EXPECT_THAT(problem(""), HasSubstr("at column 1: expected the name of a member"));
    EXPECT_THAT(problem("a..b"), HasSubstr("at column 3: expected the name of a member"));
    EXPECT_THAT(problem("a."), HasSubstr("at column 3: expected the name of a member"));
    EXPECT_THAT(problem("[0]"), HasSubstr("expected the name of a member"));
    for (const std::string_view wrong : {"a[", "a[]", "a[x]", "a[-1]", "a[0", "a[1234567890]"}) {
        EXPECT_THAT(problem(wrong), HasSubstr("at column 3: expected the number of an item"))
            << wrong;
    }
    EXPECT_THAT(problem("a[0]b"), HasSubstr("at column 5: expected '.', '[' or the end"));
    EXPECT_THAT(problem("a\"b"), HasSubstr("at column 2: expected '.', '[' or the end"));
    EXPECT_THAT(problem("a]"), HasSubstr("at column 2: expected"));
    std::string deep = "a";
    for (size_t i = 1; i < JsonPath::kSegmentsMax; ++i) {
        deep += ".a";
    }
    EXPECT_EQ(problem(deep), "");
    EXPECT_THAT(problem(deep + ".a"), HasSubstr("expected a shorter path"));
}

}  // namespace
}  // namespace sluice::pipeline
