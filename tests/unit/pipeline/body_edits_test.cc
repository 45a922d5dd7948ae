// Edits that are noted first and made at once.
#include "pipeline/body_edits.h"

#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "json/tree.h"
#include "pipeline/request_body.h"

namespace sluice::pipeline {
namespace {

std::string after(std::string_view text,
                  const std::function<void(const json::Value&, BodyEdits&)>& note) {
    Arena arena;
    RequestBody body(arena);
    body.take_text(text);
    BodyEdits edits(body, arena);
    note(**body.tree(), edits);
    edits.apply();
    EXPECT_TRUE(body.tree().has_value()) << body.text();
    return std::string(body.text());
}

// What is left of the items 0 to 4 when those of `leaving` go.
std::string without(std::string_view leaving) {
    return after("[0, 1 ,2,3 , 4]", [leaving](const json::Value& top, BodyEdits& edits) {
        edits.remove_children(
            top, [leaving](const json::Value& item) { return leaving.contains(item.raw()); });
    });
}

TEST(BodyEdits, TakesOutAnyItems) {
    EXPECT_EQ(without(""), "[0, 1 ,2,3 , 4]");
    EXPECT_EQ(without("0"), "[1 ,2,3 , 4]");
    EXPECT_EQ(without("01"), "[2,3 , 4]");
    EXPECT_EQ(without("12"), "[0,3 , 4]");
    EXPECT_EQ(without("34"), "[0, 1 ,2]");
    EXPECT_EQ(without("024"), "[1,3]");
    EXPECT_EQ(without("01234"), "[]");
}

TEST(BodyEdits, MakesSeveralInTheOrderOfTheText) {
    EXPECT_EQ(after(R"({"a":[1],"b":"x"})",
                    [](const json::Value& top, BodyEdits& edits) {
                        edits.put_after_text(top["b"], "z");
                        edits.put_before_text(top["b"], "w");
                        edits.insert_last(top["a"], "2");
                        edits.insert_first(top["a"], "0");
                        edits.rename(top["b"], "\"c\"");
                        edits.insert_first(top, "\"n\":null");
                    }),
              R"({"n":null,"a":[0,1,2],"c":"wxz"})");
}

TEST(BodyEdits, PutsTheFirstItemInPlaceOfAll) {
    EXPECT_EQ(after("[1,2]",
                    [](const json::Value& top, BodyEdits& edits) {
                        edits.insert_first(top, "0", true);
                        edits.remove_children(top, [](const json::Value&) { return true; });
                    }),
              "[0]");
    EXPECT_EQ(
        after("[]", [](const json::Value& top, BodyEdits& edits) { edits.insert_last(top, "0"); }),
        "[0]");
}

TEST(BodyEdits, ChangesNothingWithoutAnEdit) {
    Arena arena;
    RequestBody body(arena);
    body.take_text("{}");
    BodyEdits edits(body, arena);
    EXPECT_TRUE(edits.empty());
    edits.apply();
    EXPECT_FALSE(body.has_changed());
}

}  // namespace
}  // namespace sluice::pipeline
