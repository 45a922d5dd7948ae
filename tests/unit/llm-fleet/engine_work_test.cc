// What a request asks of a served engine: its blocks, its tokens, and what is told of them.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/result.h"
#include "llm-fleet/engine_call.h"
#include "llm-kit/answer.h"
#include "llm-kit/make_answer.h"
#include "llm-kit/model_call.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_fleet {
namespace {

using providers::SimulatedEndpoint;

// Lists of the texts of messages.
std::string chat(std::string_view model, const std::vector<std::string>& texts) {
    std::string body = R"({"model":")" + std::string(model) + R"(","max_tokens":5,"messages":[)";
    for (const std::string& text : texts) {
        body += body.ends_with('[') ? "" : ",";
        body += R"({"role":"user","content":")" + text + R"("})";
    }
    return body + "]}";
}

EngineWork work_of(const std::string& body, SimulatedEndpoint endpoint = SimulatedEndpoint::chat) {
    Result<EngineWork> work = read_engine_work(endpoint, body, 64);
    EXPECT_TRUE(work.has_value());
    return work ? *work : EngineWork();
}

TEST(EngineWork, IsCountedInTokensAndWholeBlocks) {
    const EngineWork work = work_of(chat("m", {std::string(600, 'a'), std::string(40, 'b')}));
    EXPECT_EQ(work.input_tokens, 160U);
    EXPECT_EQ(work.output_tokens, 5U);
    EXPECT_EQ(work.blocks.size(), 2U);
    EXPECT_EQ(work_of(chat("m", {"hi"})).blocks.size(), 0U);
}

TEST(EngineWork, TheSameTextHasTheSameBlocksHoweverItIsDivided) {
    const std::string text(600, 'a');
    const EngineWork whole = work_of(chat("m", {text}));
    EXPECT_EQ(work_of(chat("m", {text.substr(0, 100), text.substr(100)})).blocks, whole.blocks);
    EXPECT_EQ(work_of(R"({"model":"m","prompt":")" + text + R"("})", SimulatedEndpoint::completions)
                  .blocks,
              whole.blocks);
    // A turn more begins with the same ones.
    const EngineWork longer = work_of(chat("m", {text, text}));
    ASSERT_EQ(longer.blocks.size(), 4U);
    EXPECT_EQ(std::vector<uint64_t>(longer.blocks.begin(), longer.blocks.begin() + 2),
              whole.blocks);
    EXPECT_NE(work_of(chat("n", {text})).blocks, whole.blocks) << "another model";
}

TEST(EngineWork, WhatTheServiceWouldRefuseIsRefused) {
    for (const std::string_view body :
         {"{", "{}", R"({"model":"m"})", R"({"model":"m","messages":[]})"}) {
        EXPECT_FALSE(read_engine_work(SimulatedEndpoint::chat, body, 64).has_value()) << body;
    }
}

TEST(EngineWork, UsageSaysWhatWasCachedOfAPromptOfAnySize) {
    const std::string body = chat("m", {std::string(400'000, 'a')});
    llm_kit::AnswerOptions options;
    options.reads_all = true;
    options.cached_tokens = 99'968;
    const Result<llm_kit::Answer> answer =
        llm_kit::make_answer(SimulatedEndpoint::chat, body, body.size(), options);
    ASSERT_TRUE(answer.has_value());
    EXPECT_NE(answer->bytes.find("\"prompt_tokens\":100000,"), std::string::npos);
    EXPECT_NE(answer->bytes.find("\"cached_tokens\":99968,"), std::string::npos);
}

}  // namespace
}  // namespace sluice::llm_fleet
