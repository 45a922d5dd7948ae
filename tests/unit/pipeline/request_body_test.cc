// Edits of a whole body: exact bytes around them, and a tree that follows.
#include "pipeline/request_body.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "json/tree.h"

namespace sluice::pipeline {
namespace {

class RequestBodyTest : public testing::Test {
protected:
    std::string without(std::string_view text, std::string_view member) {
        body_.take_text(text);
        const json::Value& tree = **body_.tree();
        body_.remove_member(tree, tree[member]);
        EXPECT_TRUE(body_.tree().has_value()) << body_.text();
        return std::string(body_.text());
    }

    Arena arena_;
    RequestBody body_{arena_};
};

TEST_F(RequestBodyTest, SharesABodyOfOnePiece) {
    SliceQueue held;
    held.push_back(Slice::copy_of(R"({"a":1})"));
    body_.take(held);
    EXPECT_EQ(body_.text().data(), held.front().data());
    EXPECT_FALSE(body_.has_changed());
}

TEST_F(RequestBodyTest, JoinsABodyOfSeveral) {
    SliceQueue held;
    held.push_back(Slice::copy_of(R"({"a")"));
    held.push_back(Slice::copy_of(R"(:1})"));
    body_.take(held);
    EXPECT_EQ(body_.text(), R"({"a":1})");
    EXPECT_EQ(held.size_bytes(), 7U);
}

TEST_F(RequestBodyTest, ReplacesAValue) {
    body_.take_text(R"({ "a" : 1 , "b":"x" })");
    body_.replace((**body_.tree())["a"].raw(), R"([2,3])");
    EXPECT_EQ(body_.text(), R"({ "a" : [2,3] , "b":"x" })");
    EXPECT_EQ((**body_.tree())["a"].size(), 2U);
    EXPECT_TRUE(body_.has_changed());
}

TEST_F(RequestBodyTest, InsertsAMember) {
    body_.take_text(R"({"a":{}})");
    body_.insert_member((**body_.tree())["a"], R"("x":1)");
    EXPECT_EQ(body_.text(), R"({"a":{"x":1}})");
    body_.insert_member(**body_.tree(), R"("y":2)");
    EXPECT_EQ(body_.text(), R"({"y":2,"a":{"x":1}})");
}

TEST_F(RequestBodyTest, TakesOutAMemberWithItsComma) {
    EXPECT_EQ(without(R"({"a":1,"b":2})", "a"), R"({"b":2})");
    EXPECT_EQ(without(R"({"a":1,"b":2})", "b"), R"({"a":1})");
    EXPECT_EQ(without(R"({ "a" : 1 , "b" : 2 })", "a"), R"({  "b" : 2 })");
    EXPECT_EQ(without(R"({ "a" : 1 , "b" : 2 })", "b"), R"({ "a" : 1  })");
    EXPECT_EQ(without(R"({"a":1})", "a"), "{}");
    EXPECT_EQ(without(R"({"a":1,"b":{"c":[1,2]},"d":3})", "b"), R"({"a":1,"d":3})");
}

TEST_F(RequestBodyTest, AppliesSeveralEditsAtOnce) {
    body_.take_text("0123456789");
    const BodyEdit edits[] = {{0, 1, "a"}, {3, 3, "b"}, {5, 10, ""}};
    body_.apply(edits);
    EXPECT_EQ(body_.text(), "a12b34");
}

}  // namespace
}  // namespace sluice::pipeline
