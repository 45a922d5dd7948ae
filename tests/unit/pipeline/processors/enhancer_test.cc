// What of a body is the query, and how another text takes its place.
#include "pipeline/processors/enhancer.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "http/types.h"
#include "pipeline/client_call.h"
#include "pipeline/prompt_texts.h"
#include "pipeline/request_body.h"

namespace sluice::pipeline {
namespace {

class EnhancerTest : public testing::Test {
protected:
    // The body with the query replaced; the same text where it has none.
    std::string replaced(std::string_view path, std::string_view text) {
        RequestBody body(arena_);
        body.take_text(text);
        const auto tree = body.tree();
        EXPECT_TRUE(tree);
        PromptTexts texts(arena_);
        add_query_texts(**tree, client_call(http::Method::post, path), texts);
        if (!texts.empty()) {
            replace_query(body, texts, {"new \\\"text\\\""}, arena_);
        }
        return std::string(body.text());
    }

    Arena arena_;
};

TEST_F(EnhancerTest, ReplacesTheLastMessageOfTheUser) {
    EXPECT_EQ(
        replaced("/v1/chat/completions",
                 R"({"a": 1,"messages":[{"role":"user","content":"first"}, {"role":"assistant",)"
                 R"("content":"x"},{ "content":"old", "role":"user" }] })"),
        R"({"a": 1,"messages":[{"role":"user","content":"first"}, {"role":"assistant",)"
        R"("content":"x"},{ "content":"new \"text\"", "role":"user" }] })");
}

TEST_F(EnhancerTest, ReplacesAllTextsOfItsParts) {
    EXPECT_EQ(
        replaced("/v1/chat/completions",
                 R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{)"
                 R"("url":"u"}},{"type":"text","text":"one"},)"
                 R"({"type":"image_url","image_url":{"url":"v"}}, {"type":"text","text":"two,)"
                 R"( three"} ,{"text":"four","type":"text"}]}]})"),
        R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}},{)"
        R"("type":"text","text":"new \"text\""},)"
        R"({"type":"image_url","image_url":{"url":"v"}} ]}]})");
}

TEST_F(EnhancerTest, KnowsEveryDialect) {
    EXPECT_EQ(replaced("/v1/completions", R"({"prompt":"old"})"), R"({"prompt":"new \"text\""})");
    EXPECT_EQ(replaced("/v1/responses", R"({"input":"old"})"), R"({"input":"new \"text\""})");
    EXPECT_EQ(
        replaced("/v1/responses",
                 R"({"input":[{"role":"user","content":[{"type":"input_text","text":"old"}]}]})"),
        R"({"input":[{"role":"user","content":[{"type":"input_text","text":"new \"text\""}]}]})");
    EXPECT_EQ(replaced("/v1/messages", R"({"messages":[{"role":"user","content":"old"}]})"),
              R"({"messages":[{"role":"user","content":"new \"text\""}]})");
}

TEST_F(EnhancerTest, LeavesWhatIsNoQuery) {
    for (const std::string_view body :
         {R"({"messages":[{"role":"system","content":"old"}]})", R"({"messages":[]})", R"({})",
          R"({"messages":[{"role":"user","content":[{"type":"tool_result","content":"x"}]}]})"}) {
        EXPECT_EQ(replaced("/v1/messages", body), body);
    }
}

}  // namespace
}  // namespace sluice::pipeline
