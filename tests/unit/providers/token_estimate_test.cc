// Estimates of prompts: by script, and by what a request is made of.
#include "providers/token_estimate.h"

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/prng.h"
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

// The table of token_estimate.h, one byte after the other.
uint64_t estimate_by_byte(std::string_view text) {
    uint64_t quarters = 0;
    char before = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\\' && i + 1 < text.size()) {
            const bool is_numbered = text[++i] == 'u';
            quarters += is_numbered ? 2 : 1;
            i += is_numbered ? 4 : 0;
        } else if (byte < 0x80) {
            const bool is_light = std::isalnum(byte) != 0 || c == ' ';
            quarters += c == ' ' && before == ' ' ? 0 : is_light ? 1 : 2;
        } else if (byte >= 0xC0) {
            quarters += byte >= 0xF0 ? 8 : byte >= 0xE0 ? 4 : 2;
        }
        before = c;
    }
    return (quarters + 3) / 4;
}

TEST(TokenEstimate, IsThatOfOneByteAfterTheOther) {
    Prng prng(5);
    const std::string_view kinds[] = {" ",       " ",  "a", "word", "Z9", "{",  "@[`", "\\n",
                                      "\\u0436", "\\", "ж", "你",   "🙂", "/:", "\x7f"};
    for (int i = 0; i < 3'000; ++i) {
        std::string text;
        // Mostly of one kind, so that runs are long enough for every block.
        const size_t usual = prng.below(std::size(kinds));
        for (uint32_t left = prng.below(400); left > 0; --left) {
            const bool is_usual = prng.below(12) > 0;
            text += kinds[is_usual ? usual : prng.below(std::size(kinds))];
        }
        ASSERT_EQ(estimate_text_tokens(text), estimate_by_byte(text)) << text;
        for (char& c : text) {
            c = static_cast<char>(prng.below(256));
        }
        ASSERT_EQ(estimate_text_tokens(text), estimate_by_byte(text));
    }
    // Of the heaviest, more than fit into any part of a sum.
    std::string heavy;
    for (int i = 0; i < 10'000; ++i) {
        heavy += "🙂";
    }
    EXPECT_EQ(estimate_text_tokens(heavy), 20'000U);
    EXPECT_EQ(estimate_text_tokens(std::string(100'000, '\xF0')), 200'000U);
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
