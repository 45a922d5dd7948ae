// Estimates of prompts: by script, and by what a request is made of.
#include "providers/token_estimate.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/translation.h"

namespace sluice::providers::test {
namespace {

TEST(TokenEstimate, WeighsScripts) {
    EXPECT_EQ(estimate_text_tokens(""), 0U);
    EXPECT_EQ(estimate_text_tokens("four letters"), 3U);
    EXPECT_EQ(estimate_text_tokens("a        b"), 1U);
    EXPECT_EQ(estimate_text_tokens("привет"), 3U);
    EXPECT_EQ(estimate_text_tokens("你好世界"), 4U);
    EXPECT_EQ(estimate_text_tokens("🙂"), 2U);
    EXPECT_EQ(estimate_text_tokens(R"(\n\u0436\\)"), 1U);
    EXPECT_EQ(estimate_text_tokens("\\"), 1U);
}

uint64_t tokens_of(std::string_view content) {
    Arena arena;
    Translation translation(arena);
    const std::string body =
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":)" +
        std::string(content) + "}]}";
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    const auto request = client_dialect(Dialect::messages)->decode_request(**tree, translation);
    EXPECT_TRUE(request.has_value()) << body;
    return estimate_prompt_tokens(**request);
}

TEST(TokenEstimate, CountsMessagesAndImages) {
    EXPECT_EQ(tokens_of(R"("four letters")"), 7U);
    EXPECT_EQ(
        tokens_of(R"([{"type":"image","source":{"type":"url","url":"https://example.com"}}])"),
        1604U);
}

TEST(TokenEstimate, IsAnsweredAsAnthropicDoes) {
    Arena arena;
    json::ArenaText text(arena);
    encode_token_count(42, text);
    EXPECT_EQ(text.view(), R"({"input_tokens":42})");
}

}  // namespace
}  // namespace sluice::providers::test
