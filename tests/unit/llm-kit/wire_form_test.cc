// Which path is whose, and that the same text and usage stand in every dialect's answer.
#include "llm-kit/wire_form.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/result.h"
#include "llm-kit/answer.h"
#include "llm-kit/make_answer.h"
#include "llm-kit/model_call.h"
#include "providers/aws_event_stream.h"

namespace sluice::llm_kit {
namespace {

using testing::HasSubstr;

ModelCall call_of(std::string_view path) {
    ModelCall call;
    EXPECT_TRUE(find_model_call(path, call)) << path;
    return call;
}

Answer answer_to(std::string_view path, std::string_view body, const AnswerOptions& options = {}) {
    const Result<Answer> answer = make_answer(call_of(path), body, body.size(), options);
    EXPECT_TRUE(answer) << path;
    return answer.value_or(Answer());
}

TEST(ModelCall, IsFoundByTheEndOfThePath) {
    EXPECT_EQ(call_of("/v1/chat/completions").wire, Wire::openai);
    EXPECT_EQ(call_of("/any/v1/messages").wire, Wire::messages);
    EXPECT_EQ(call_of("/api/chat").wire, Wire::ollama);
    const ModelCall gemini = call_of("/v1/projects/p/models/gemini-2:streamGenerateContent");
    EXPECT_EQ(gemini.wire, Wire::gemini);
    EXPECT_EQ(gemini.model, "gemini-2");
    EXPECT_TRUE(gemini.is_stream);
    const ModelCall converse = call_of("/model/a%3A0/converse");
    EXPECT_EQ(converse.wire, Wire::converse);
    EXPECT_EQ(converse.model, "a%3A0");
    EXPECT_FALSE(converse.is_stream);
    ModelCall none;
    for (const char* path : {"/v1/models", "/model//converse", "/converse", ":generateContent"}) {
        EXPECT_FALSE(find_model_call(path, none)) << path;
    }
}

TEST(WireForm, SaysTheSameInEveryDialect) {
    constexpr std::string_view kContents = R"({"contents":[{"parts":[{"text":"Hi"}]}]})";
    constexpr std::string_view kParts =
        R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})";
    constexpr std::string_view kFlat = R"({"model":"m:0","max_tokens":99,"stream":false,)"
                                       R"("messages":[{"role":"user","content":"Hi"}]})";
    const std::string all = answer_to("/chat/completions", kFlat).bytes;
    const size_t begin = all.find("\"content\":\"") + 11;
    const std::string text = '"' + all.substr(begin, all.find("\",\"refusal", begin) - begin) + '"';
    EXPECT_GT(text.size(), 100U);
    EXPECT_THAT(answer_to("/messages", kFlat).bytes, HasSubstr(text));
    EXPECT_THAT(answer_to("/messages", kFlat).bytes, HasSubstr("\"output_tokens\":64"));
    EXPECT_THAT(answer_to("/models/m:0:generateContent", kContents).bytes, HasSubstr(text));
    EXPECT_THAT(answer_to("/model/m%3A0/converse", kParts).bytes, HasSubstr(text));
    EXPECT_THAT(answer_to("/model/m%3A0/converse", kParts).bytes, HasSubstr("\"totalTokens\":65"));
    EXPECT_THAT(answer_to("/api/chat", kFlat).bytes, HasSubstr(text));
}

TEST(WireForm, FramesOfConverseAreRead) {
    const Answer answer =
        answer_to("/model/m/converse-stream", R"({"messages":[{"content":[{"text":"Hi"}]}],)"
                                              R"("inferenceConfig":{"maxTokens":2}})");
    EXPECT_EQ(answer.events.size(), 6U);
    const std::string bytes = answer.bytes + kConverseForm.error_event();
    providers::AwsEventStream stream;
    std::string_view rest = bytes;
    std::string_view name;
    std::string_view data;
    std::string names;
    while (stream.next(rest, name, data).value_or(false)) {
        names.append(name).append(1, ' ');
    }
    EXPECT_EQ(names,
              "messageStart contentBlockDelta contentBlockDelta contentBlockStop messageStop "
              "metadata exception:modelStreamErrorException ");
}

TEST(WireForm, KeysDifferByDialectAndModelOfThePath) {
    const auto key_of = [](std::string_view path) {
        std::string key;
        append_answer_key(key, call_of(path), "{}", 2, {});
        return key;
    };
    EXPECT_EQ(key_of("/model/a/converse"), key_of("/any/model/a/converse"));
    EXPECT_NE(key_of("/model/a/converse"), key_of("/model/b/converse"));
    EXPECT_NE(key_of("/model/a/converse"), key_of("/model/a/converse-stream"));
    EXPECT_NE(key_of("/api/chat"), key_of("/messages"));
}

}  // namespace
}  // namespace sluice::llm_kit
