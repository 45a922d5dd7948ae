// system_prompt: every mode in every dialect, and not one other byte.
#include "pipeline/processors/system_prompt.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "unit/pipeline/processors/step_test.h"

namespace sluice::pipeline {
namespace {

class SystemPromptTest : public StepTest {
protected:
    std::string with(SystemPromptMode mode, std::string_view path, std::string_view body) {
        make("system_prompt", SystemPromptOptions{.mode = mode, .text = "Be \"kind\"."});
        return edited(path, body);
    }
    std::string add(std::string_view path, std::string_view body) {
        return with(SystemPromptMode::add_if_absent, path, body);
    }
    std::string prepend(std::string_view path, std::string_view body) {
        return with(SystemPromptMode::prepend, path, body);
    }
    std::string append(std::string_view path, std::string_view body) {
        return with(SystemPromptMode::append, path, body);
    }
    std::string replace(std::string_view path, std::string_view body) {
        return with(SystemPromptMode::replace, path, body);
    }
};

TEST_F(SystemPromptTest, ChatGetsOneWhereThereIsNone) {
    EXPECT_EQ(add(kChat, R"({ "messages" : [ {"role":"user","content":"Hi"}],"n":1.0})"),
              R"({ "messages" : [{"role":"system","content":"Be \"kind\"."}, )"
              R"({"role":"user","content":"Hi"}],"n":1.0})");
    EXPECT_EQ(add(kChat, R"({"messages":[]})"),
              R"({"messages":[{"role":"system","content":"Be \"kind\"."}]})");
    for (const auto mode :
         {SystemPromptMode::prepend, SystemPromptMode::append, SystemPromptMode::replace}) {
        EXPECT_EQ(with(mode, kChat, R"({"messages":[{"role":"user"}]})"),
                  R"({"messages":[{"role":"system","content":"Be \"kind\"."},{"role":"user"}]})");
    }
}

TEST_F(SystemPromptTest, ChatKeepsTheOneThereIs) {
    for (const std::string_view role : {"system", "developer"}) {
        const std::string body = R"({"messages":[{"role":"user"},{"role":")" + std::string(role) +
                                 R"(","content":"X"}]})";
        EXPECT_EQ(add(kChat, body), body);
    }
}

TEST_F(SystemPromptTest, ChatPutsItBeforeOrAfterTexts) {
    constexpr std::string_view kBody = R"({"messages":[{"role":"developer", "content":"X\u0041"},)"
                                       R"({"role":"system","content":"Y"}]})";
    EXPECT_EQ(prepend(kChat, kBody),
              R"({"messages":[{"role":"developer", "content":)"
              R"("Be \"kind\".\n\nX\u0041"},{"role":"system","content":"Y"}]})");
    EXPECT_EQ(append(kChat, kBody),
              R"({"messages":[{"role":"developer", "content":)"
              R"("X\u0041\n\nBe \"kind\"."},{"role":"system","content":"Y"}]})");
    EXPECT_EQ(replace(kChat, kBody),
              R"({"messages":[{"role":"developer", "content":"Be \"kind\"."}]})");
}

TEST_F(SystemPromptTest, ChatPutsItAmongParts) {
    constexpr std::string_view kBody =
        R"({"messages":[{"role":"system","content":[{"type":"text","text":"X"} ]}]})";
    EXPECT_EQ(prepend(kChat, kBody),
              R"({"messages":[{"role":"system","content":[{"type":"text","text":"Be \"kind\"."},)"
              R"({"type":"text","text":"X"} ]}]})");
    EXPECT_EQ(append(kChat, kBody),
              R"({"messages":[{"role":"system","content":[{"type":"text","text":"X"},)"
              R"({"type":"text","text":"Be \"kind\"."} ]}]})");
}

TEST_F(SystemPromptTest, ChatReplacesAllOfThem) {
    EXPECT_EQ(replace(kChat, R"({"messages":[{"role":"user"}, {"role":"system","content":"X"},)"
                             R"({"role":"system","content":"Y"},{"role":"user"}]})"),
              R"({"messages":[{"role":"user"}, {"role":"system","content":"Be \"kind\"."},)"
              R"({"role":"user"}]})");
    // However they are spelled.
    EXPECT_EQ(replace(kChat, R"({"messages":[{"role":"user","r\u006fle":"sys\u0074em"},)"
                             R"({"role":"user","content":"Z"}]})"),
              R"({"messages":[{"role":"system","content":"Be \"kind\"."},)"
              R"({"role":"user","content":"Z"}]})");
    // One without a content has no place for it.
    EXPECT_EQ(replace(kChat, R"({"messages":[{"role":"system"},{"role":"system","content":"Y"}]})"),
              R"({"messages":[{"role":"system","content":"Be \"kind\"."}]})");
    EXPECT_EQ(replace(kChat, R"({"messages":[{"role":"system"},{"role":"user"}]})"),
              R"({"messages":[{"role":"system","content":"Be \"kind\"."},{"role":"user"}]})");
}

TEST_F(SystemPromptTest, MessagesHaveAMember) {
    EXPECT_EQ(add(kMessages, R"({"messages":[]})"), R"({"system":"Be \"kind\".","messages":[]})");
    EXPECT_EQ(add(kMessages, R"({"system":null})"), R"({"system":"Be \"kind\"."})");
    EXPECT_EQ(add(kMessages, R"({"system":"X"})"), R"({"system":"X"})");
    EXPECT_EQ(prepend(kMessages, R"({"system":"X"})"), R"({"system":"Be \"kind\".\n\nX"})");
    EXPECT_EQ(append(kMessages, R"({"system":"X"})"), R"({"system":"X\n\nBe \"kind\"."})");
    EXPECT_EQ(replace(kMessages, R"({"system":[{"type":"text"}],"a":1})"),
              R"({"system":"Be \"kind\".","a":1})");
    constexpr std::string_view kBlocks =
        R"({"system":[{"type":"text","text":"X","cache_control":{"type":"ephemeral"}}]})";
    EXPECT_EQ(append(kMessages, kBlocks),
              R"({"system":[{"type":"text","text":"X","cache_control":{"type":"ephemeral"}},)"
              R"({"type":"text","text":"Be \"kind\"."}]})");
    EXPECT_EQ(prepend("/v1/messages/count_tokens", kBlocks),
              R"({"system":[{"type":"text","text":"Be \"kind\"."},)"
              R"({"type":"text","text":"X","cache_control":{"type":"ephemeral"}}]})");
}

TEST_F(SystemPromptTest, ResponsesHaveInstructions) {
    EXPECT_EQ(add(kResponses, R"({"input":"Hi"})"),
              R"({"instructions":"Be \"kind\".","input":"Hi"})");
    EXPECT_EQ(add(kResponses, R"({"instructions":"X","input":"Hi"})"),
              R"({"instructions":"X","input":"Hi"})");
    EXPECT_EQ(append(kResponses, R"({"instructions":"X","input":"Hi"})"),
              R"({"instructions":"X\n\nBe \"kind\".","input":"Hi"})");
    constexpr std::string_view kItems =
        R"({"input":[{"role":"developer","content":[{"type":"input_text","text":"X"}]},)"
        R"({"role":"user"}]})";
    EXPECT_EQ(add(kResponses, kItems), kItems);
    EXPECT_EQ(prepend(kResponses, kItems),
              R"({"instructions":"Be \"kind\".","input":[{"role":"developer","content":)"
              R"([{"type":"input_text","text":"X"}]},{"role":"user"}]})");
    EXPECT_EQ(append(kResponses, kItems),
              R"({"input":[{"role":"developer","content":[{"type":"input_text","text":"X"},)"
              R"({"type":"input_text","text":"Be \"kind\"."}]},{"role":"user"}]})");
    EXPECT_EQ(replace(kResponses, kItems),
              R"({"instructions":"Be \"kind\".","input":[{"role":"user"}]})");
}

TEST_F(SystemPromptTest, CompletionsHaveItBeforeTheirPrompts) {
    EXPECT_EQ(add(kCompletions, R"({"prompt":"X"})"), R"({"prompt":"Be \"kind\".\n\nX"})");
    EXPECT_EQ(add(kCompletions, R"({"prompt":["X", "Y"]})"),
              R"({"prompt":["Be \"kind\".\n\nX", "Be \"kind\".\n\nY"]})");
    EXPECT_EQ(add(kCompletions, R"({"prompt":[1,2]})"), R"({"prompt":[1,2]})");
}

TEST_F(SystemPromptTest, LeavesAloneWhatHasNoPrompt) {
    EXPECT_EQ(add("/v1/embeddings", R"({"input":"X"})"), R"({"input":"X"})");
    EXPECT_EQ(add("/v1/files", R"({"messages":[]})"), R"({"messages":[]})");
    EXPECT_EQ(add(kChat, ""), "");
    EXPECT_EQ(add(kChat, "[1]"), "[1]");
    EXPECT_EQ(add(kChat, R"({"messages":"X"})"), R"({"messages":"X"})");
}

TEST_F(SystemPromptTest, RefusesWhatCouldBeReadInTwoWays) {
    make("system_prompt", SystemPromptOptions{.text = "X"});
    EXPECT_EQ(refusal(kChat, R"({"messages":[],"messages":[{"role":"user"}]})"),
              "400 duplicate_parameter messages: Invalid body: 'messages' must stand in it only "
              "once.");
    EXPECT_EQ(refusal(kMessages, R"({"messages":[],"s\u0079stem":"Y"})"),
              "400 duplicate_parameter system: Invalid body: 'system' must stand in it only once.");
}

TEST_F(SystemPromptTest, FillsInWhatTheRequestSays) {
    ASSERT_TRUE(head_.headers.add("x-team", "a\",\"b\\"));
    record_.tenant = "acme";
    record_.key_name = "k-1";
    make("system_prompt",
         SystemPromptOptions{.text = "{{tenant}}/{{ key }}/{{model}}/{{date}}/{{header.X-Team}}/"
                                     "{{header.none}}/{{metadata.user}}/{{metadata.n}}/\\{{x}}"});
    EXPECT_EQ(edited(kMessages, R"({"metadata":{"user":"\u0041\"","n":5}})"),
              R"({"system":"acme/k-1/m-1/2026-02-01/a\",\"b\\//\u0041\"/5/{{x}}",)"
              R"("metadata":{"user":"\u0041\"","n":5}})");
}

TEST_F(SystemPromptTest, TakesTheTextOfAFile) {
    make("system_prompt",
         SystemPromptOptions{.text_file = "prompt.txt", .loaded_text = "From\na file"});
    EXPECT_EQ(edited(kMessages, "{}"), R"({"system":"From\na file"})");
    EXPECT_TRUE(factory_->needs().body);
    EXPECT_FALSE(factory_->needs().response_body);
}

}  // namespace
}  // namespace sluice::pipeline
