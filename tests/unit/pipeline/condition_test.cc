// Conditions of processors: what they mean, what is no condition, and which need the body.
#include "pipeline/condition.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/arena.h"
#include "http/header_map.h"
#include "http/message.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {
namespace {

using testing::HasSubstr;

class ConditionTest : public testing::Test {
protected:
    ConditionTest() : context_(arena_, record_) {
        record_.model = "gpt-4o-mini";
        record_.path = "/v1/chat/completions";
        record_.method = "POST";
        record_.tenant = "acme";
        head_.headers = http::HeaderMap(fields_);
        EXPECT_TRUE(head_.headers.add("x-team", "search"));
        context_.head = &head_;
        context_.call = client_call(http::Method::post, record_.path);
        context_.body.take_text(
            R"({"model":"gpt-4o-mini","messages":[{"role":"system","content":"Be brief."},)"
            R"({"role":"user","content":[{"type":"text","text":"What is this?"},)"
            R"({"type":"image_url","image_url":{"url":"https://x/y.png"}}]}],"tools":[]})");
    }

    bool holds(std::string_view text) {
        const auto condition = Condition::parse(text);
        EXPECT_TRUE(condition) << text << ": " << condition.error();
        return condition && condition->holds(context_);
    }

    static std::string problem(std::string_view text) {
        const auto condition = Condition::parse(text);
        EXPECT_FALSE(condition) << text;
        return condition ? "" : condition.error();
    }

    Arena arena_;
    ExchangeRecord record_;
    http::HeaderField fields_[4];
    http::RequestHead head_;
    ProcessorContext context_;
};

TEST_F(ConditionTest, HoldsWithoutAText) {
    EXPECT_TRUE(holds(""));
}

TEST_F(ConditionTest, ComparesTexts) {
    EXPECT_TRUE(holds("model == \"gpt-4o-mini\""));
    EXPECT_TRUE(holds("model == 'gpt-4*'"));
    EXPECT_FALSE(holds("model == \"gpt-5*\""));
    EXPECT_TRUE(holds("model != \"gpt-5*\""));
    EXPECT_FALSE(holds("model != \"*mini\""));
    EXPECT_TRUE(holds("tenant in [\"x\", \"acme\"]"));
    EXPECT_FALSE(holds("tenant in [\"x\", \"y\"]"));
    EXPECT_TRUE(holds("path == \"/v1/*\" and method == \"POST\""));
    EXPECT_TRUE(holds("key == \"\""));
}

TEST_F(ConditionTest, ComparesNumbers) {
    EXPECT_TRUE(holds("messages == 2"));
    EXPECT_TRUE(holds("messages != 3"));
    EXPECT_TRUE(holds("messages <= 2"));
    EXPECT_TRUE(holds("messages >= 2"));
    EXPECT_FALSE(holds("messages < 2"));
    EXPECT_FALSE(holds("messages > 2"));
    EXPECT_TRUE(holds("estimated_tokens > 1600"));  // For the image.
    EXPECT_TRUE(holds("body_bytes < 1000"));
    EXPECT_TRUE(holds("images == 1"));
}

TEST_F(ConditionTest, KnowsFlags) {
    EXPECT_FALSE(holds("stream"));
    context_.wants_stream = true;
    EXPECT_TRUE(holds("stream"));
    EXPECT_TRUE(holds("has_images"));
    EXPECT_FALSE(holds("has_tools"));
    EXPECT_TRUE(holds("has_header(\"X-Team\")"));
    EXPECT_FALSE(holds("has_header(\"x-other\")"));
    EXPECT_TRUE(holds("header(\"x-team\") == \"search\""));
    EXPECT_TRUE(holds("header(\"x-other\") == \"\""));
}

TEST_F(ConditionTest, BindsNotThenAndThenOr) {
    EXPECT_TRUE(holds("stream or has_images and messages == 2"));
    EXPECT_TRUE(holds("messages == 2 or stream and stream"));
    EXPECT_FALSE(holds("(messages == 2 or stream) and stream"));
    EXPECT_TRUE(holds("not stream and not has_tools"));
    EXPECT_FALSE(holds("not (stream or has_images)"));
    EXPECT_TRUE(holds("not not has_images"));
}

TEST_F(ConditionTest, CountsTheBodyAsItIsNow) {
    EXPECT_TRUE(holds("messages == 2"));
    context_.body.take_text(R"({"messages":[]})");
    EXPECT_TRUE(holds("messages == 0"));
}

TEST_F(ConditionTest, SaysWhatWasExpectedWhere) {
    EXPECT_THAT(problem("modell == \"x\""), HasSubstr("at column 1: expected a fact: model"));
    EXPECT_THAT(problem("model = \"x\""), HasSubstr("at column 7: expected ==, != or in"));
    EXPECT_THAT(problem("model == x"), HasSubstr("at column 10: expected a text in quotes"));
    EXPECT_THAT(problem("model == \"x"), HasSubstr("expected a text in quotes"));
    EXPECT_THAT(problem("stream and"), HasSubstr("expected a fact"));
    EXPECT_THAT(problem("stream stream"), HasSubstr("at column 8: expected the end"));
    EXPECT_THAT(problem("(stream"), HasSubstr("expected ')'"));
    EXPECT_THAT(problem("messages > \"2\""), HasSubstr("expected a whole number"));
    EXPECT_THAT(problem("tenant in \"a\""), HasSubstr("expected '['"));
    EXPECT_THAT(problem("tenant in [\"a\" \"b\"]"), HasSubstr("expected ',' or ']'"));
    EXPECT_THAT(problem("header == \"a\""), HasSubstr("expected '(' and the name of a header"));
    EXPECT_THAT(problem(std::string(100, '(') + "stream"), HasSubstr("expected less nesting"));
    EXPECT_THAT(problem("not " + std::string(400, ' ') + "x"), HasSubstr("expected a fact"));
}

TEST_F(ConditionTest, KnowsWhatNeedsTheBody) {
    EXPECT_FALSE(Condition::parse("path == \"/v1\" and has_header(\"a\")")->needs_body());
    EXPECT_TRUE(Condition::parse("path == \"/v1\" or messages > 2")->needs_body());
    EXPECT_TRUE(Condition::parse("stream")->needs_body());
    EXPECT_FALSE(Condition::parse("")->needs_body());
}

TEST(Pattern, TakesStarsForAnyRun) {
    EXPECT_TRUE(fits_pattern("", ""));
    EXPECT_TRUE(fits_pattern("", "*"));
    EXPECT_TRUE(fits_pattern("abc", "a*c"));
    EXPECT_TRUE(fits_pattern("abcabc", "*bc"));
    EXPECT_TRUE(fits_pattern("abcabd", "a*b*d"));
    EXPECT_FALSE(fits_pattern("abc", "a*b"));
    EXPECT_FALSE(fits_pattern("abc", "ab"));
    EXPECT_FALSE(fits_pattern("ab", "abc"));
    EXPECT_TRUE(fits_pattern("abc", "***"));
}

}  // namespace
}  // namespace sluice::pipeline
