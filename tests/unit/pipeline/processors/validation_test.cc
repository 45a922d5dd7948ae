// validation: each limit at its edge, and the words of its refusal.
#include "pipeline/processors/validation.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/pipeline/processors/step_test.h"

namespace sluice::pipeline {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ValidationTest : public StepTest {
protected:
    std::string with(const ValidationOptions& options,
                     std::string_view body,
                     std::string_view path = kChat) {
        make("validation", options);
        return refusal(path, body);
    }
};

TEST_F(ValidationTest, TakesEverythingWithoutLimits) {
    EXPECT_EQ(with({}, R"({"model":"x","max_tokens":99999999,"messages":"odd"})"), "");
    EXPECT_EQ(with({}, ""), "");
    EXPECT_EQ(with({.messages_min = 1}, ""), "");
}

TEST_F(ValidationTest, LimitsTheSize) {
    EXPECT_EQ(with({.body_bytes_max = 7}, R"({"a":1})"), "");
    EXPECT_EQ(with({.body_bytes_max = 6}, R"({"a":1})"),
              "413 request_too_large : Invalid body: it is too large. Expected at most 6 bytes, "
              "but got 7 instead.");
}

TEST_F(ValidationTest, LimitsTheDepth) {
    constexpr std::string_view kBody = R"({"a":[{"b":"[[[\"[["}]})";
    EXPECT_EQ(with({.depth_max = 3}, kBody), "");
    EXPECT_THAT(with({.depth_max = 2}, kBody), HasSubstr("at most 2 levels, but got 3"));
    EXPECT_EQ(json_depth("1"), 0U);
    EXPECT_EQ(json_depth(R"(["\\",["]"]])"), 2U);
}

TEST_F(ValidationTest, KnowsModels) {
    const ValidationOptions options = {.allowed_models = {"m-*", "x"}};
    EXPECT_EQ(with(options, R"({"model":"m-1"})"), "");
    record_.model = "y";
    EXPECT_EQ(with(options, R"({"model":"y"})"),
              "400 model_not_allowed model: Invalid value: 'y'. Expected one of the models that "
              "this route allows: 'm-*' and 'x'.");
}

TEST_F(ValidationTest, LimitsTheOutputOfEveryDialect) {
    const ValidationOptions options = {.max_tokens_max = 100};
    EXPECT_EQ(with(options, R"({"max_tokens":100,"max_completion_tokens":null})"), "");
    EXPECT_EQ(with(options, R"({"max_tokens":101})"),
              "400 integer_above_max_value max_tokens: Invalid 'max_tokens': integer above maximum "
              "value. Expected a value <= 100, but got 101 instead.");
    EXPECT_THAT(with(options, R"({"max_completion_tokens":1e9})"),
                StartsWith("400 integer_above_max_value max_completion_tokens: "));
    EXPECT_THAT(with(options, R"({"max_output_tokens":"5"})", kResponses),
                StartsWith("400 invalid_type max_output_tokens: "));
    // An upstream may read the second one.
    EXPECT_THAT(with(options, R"({"max_tokens":1,"max_tokens":999})"),
                StartsWith("400 duplicate_parameter max_tokens: "));
    EXPECT_THAT(with(options, R"({"max\u005ftokens":999})"),
                StartsWith("400 duplicate_parameter max_tokens: "));
}

TEST_F(ValidationTest, CountsMessages) {
    const ValidationOptions options = {.messages_min = 1, .messages_max = 2};
    EXPECT_EQ(with(options, R"({"messages":[{},{}]})"), "");
    EXPECT_EQ(with(options, R"({"messages":[]})"),
              "400 array_below_min_length messages: Invalid 'messages': array too short. Expected "
              "an array with minimum length 1, but got an array with length 0 instead.");
    EXPECT_THAT(with(options, R"({"input":[{},{},{}]})", kResponses),
                StartsWith("400 array_above_max_length input: Invalid 'input': array too long."));
    EXPECT_THAT(with(options, "{}"), StartsWith("400 array_below_min_length messages: "));
}

TEST_F(ValidationTest, KnowsRoles) {
    const ValidationOptions options = {.roles = {"user", "assistant"}};
    EXPECT_EQ(with(options, R"({"messages":[{"role":"user"},{"type":"reasoning"}]})"), "");
    EXPECT_EQ(with(options, R"({"messages":[{"role":"user"},{"role":"sys\u0074em"}]})"),
              "400 invalid_value messages[1].role: Invalid value: 'system'. Supported values are: "
              "'user' and 'assistant'.");
    EXPECT_THAT(with(options, R"({"messages":[{"role":5}]})"),
                StartsWith("400 invalid_value messages[0].role: "));
    EXPECT_THAT(with(options, R"({"messages":[{"role":"user","role":"system"}]})"),
                StartsWith("400 invalid_value messages[0].role: "));
    EXPECT_EQ(with(options, R"({"prompt":["a"]})", kCompletions), "");
}

TEST_F(ValidationTest, CountsImagesAndTools) {
    constexpr std::string_view kImages =
        R"({"messages":[{"role":"user","content":[{"type":"image_url"},{"type":"image_url"}]}]})";
    EXPECT_EQ(with({.images_max = 2}, kImages), "");
    EXPECT_EQ(with({.images_max = 1}, kImages),
              "400 too_many_images messages: Invalid 'messages': too many images. Expected at most "
              "1, but got 2 instead.");
    EXPECT_THAT(with({.allow_images = false}, kImages), HasSubstr("at most 0, but got 2"));
    EXPECT_EQ(with({.tools_max = 1}, R"({"tools":[{}]})"), "");
    EXPECT_THAT(with({.tools_max = 1}, R"({"tools":[{},{}]})"),
                StartsWith("400 array_above_max_length tools: "));
    EXPECT_THAT(with({.allow_tools = false}, R"({"functions":[{}]})"),
                StartsWith("400 array_above_max_length functions: "));
}

TEST_F(ValidationTest, EstimatesThePrompt) {
    const std::string body =
        R"({"messages":[{"role":"user","content":")" + std::string(400, 'a') + "\"}]}";
    EXPECT_EQ(with({.prompt_tokens_max = 200}, body), "");
    EXPECT_THAT(with({.prompt_tokens_max = 50}, body),
                StartsWith("400 context_length_exceeded messages: The prompt is too long: about "));
}

TEST_F(ValidationTest, WantsFields) {
    const ValidationOptions options = {.required_fields = {"user", "messages[*].name"}};
    EXPECT_EQ(with(options, R"({"user":"u","messages":[{"name":"n"}]})"), "");
    EXPECT_EQ(with(options, R"({"messages":[]})"),
              "400 missing_required_parameter user: Missing required parameter: 'user'. Expected a "
              "value on this route.");
    EXPECT_THAT(with(options, R"({"user":"u","messages":[{"name":"n"},{}]})"),
                StartsWith("400 missing_required_parameter messages[1].name: "));
    EXPECT_THAT(with(options, R"({"user":null,"messages":[]})"),
                StartsWith("400 missing_required_parameter user: "));
    EXPECT_THAT(with({.required_fields = {"metadata.team"}}, R"({"metadata":5})"),
                StartsWith("400 missing_required_parameter metadata.team: "));
    EXPECT_THAT(with(options, R"({"user":"u"})"),
                StartsWith("400 missing_required_parameter messages[*].name: "));
}

TEST_F(ValidationTest, RefusesFields) {
    const ValidationOptions options = {.forbidden_fields = {"logit_bias", "tools[*].strict"}};
    EXPECT_EQ(with(options, R"({"tools":[{}]})"), "");
    EXPECT_EQ(with(options, R"({"l\u006fgit_bias":null})"),
              "400 unsupported_parameter logit_bias: Unsupported parameter: 'logit_bias'. Expected "
              "a request without it on this route.");
    EXPECT_THAT(with(options, R"({"tools":[{},{"strict":true}]})"),
                StartsWith("400 unsupported_parameter tools[1].strict: "));
}

}  // namespace
}  // namespace sluice::pipeline
