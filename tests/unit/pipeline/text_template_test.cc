// Templates: what is one, and where a mistake is. What they write: system_prompt_test.cc.
#include "pipeline/text_template.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::pipeline {
namespace {

using testing::HasSubstr;

std::string problem(std::string_view text) {
    const auto parsed = TextTemplate::parse(text);
    return parsed ? "" : parsed.error();
}

TEST(TextTemplate, TakesTextsAndVariables) {
    for (const std::string_view text :
         {"", "plain { } }} {", "{{model}}", "a {{ tenant }} b\n\t{{header.x-a}}", "\\{{model",
          "Gr\xC3\xBC\xC3\x9F dich"}) {
        EXPECT_EQ(problem(text), "") << text;
    }
}

TEST(TextTemplate, SaysWhatWasExpectedWhere) {
    EXPECT_THAT(problem("a {{modle}}"), HasSubstr("at column 3: expected a variable: date"));
    EXPECT_THAT(problem("a\nbc{{x}}"), HasSubstr("at line 2, column 3: expected a variable"));
    EXPECT_THAT(problem("{{model"), HasSubstr("at column 1: expected '}}'"));
    EXPECT_THAT(problem("{{header.}}"), HasSubstr("expected a name of letters"));
    EXPECT_THAT(problem("{{metadata.a b}}"), HasSubstr("expected a name of letters"));
    EXPECT_THAT(problem(std::string_view("a\0b", 3)), HasSubstr("expected no control character"));
    EXPECT_THAT(problem("a\xFF"), HasSubstr("at column 2: expected valid UTF-8"));
}

TEST(TextTemplate, LetsNoKeyThrough) {
    EXPECT_THAT(problem("{{header.Authorization}}"), HasSubstr("a header that carries no key"));
    EXPECT_THAT(problem("{{header.x-api-key}}"), HasSubstr("a header that carries no key"));
}

}  // namespace
}  // namespace sluice::pipeline
