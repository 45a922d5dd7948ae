// make_answer and scan_request: equal requests have equal answers, all others differ where they
// should.
#include "llm-kit/make_answer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "base/result.h"
#include "llm-kit/answer.h"
#include "llm-kit/request_scan.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_kit {
namespace {

using providers::SimulatedEndpoint;

std::string chat(std::string_view content, bool stream) {
    return std::string(R"({"model":"m","max_tokens":5,"stream":)") + (stream ? "true" : "false") +
           R"(,"messages":[{"role":"user","content":")" + std::string(content) + "\"}]}";
}

Answer answer_to(std::string_view body, const AnswerOptions& options = {}) {
    const Result<Answer> answer = make_answer(SimulatedEndpoint::chat, body, body.size(), options);
    EXPECT_TRUE(answer.has_value());
    return answer.value_or(Answer());
}

TEST(MakeAnswer, DependsOnThePromptAndOnNothingElse) {
    EXPECT_EQ(answer_to(chat("a", true)).bytes, answer_to(chat("a", true)).bytes);
    EXPECT_NE(answer_to(chat("a", true)).bytes, answer_to(chat("b", true)).bytes);
    EXPECT_FALSE(answer_to(chat("a", false)).is_stream());
}

TEST(MakeAnswer, EventsCoverTheBodyAndEndWithABlankLine) {
    const Answer answer = answer_to(chat("a", true), {.event_bytes = 900, .model = {}});
    size_t end = 0;
    for (size_t i = 0; i < answer.events.size(); ++i) {
        EXPECT_EQ(answer.event_begin(i), end);
        EXPECT_TRUE(answer.event(i).ends_with("\n\n"));
        EXPECT_EQ(answer.event(i).size(), 900U);
        end = answer.events[i].end;
    }
    EXPECT_EQ(end, answer.bytes.size());
    EXPECT_TRUE(answer.bytes.ends_with("data: [DONE]\n\n"));
}

TEST(MakeAnswer, RefusesWhatOpenAiWouldRefuse) {
    for (const std::string_view body : {"", "{}", "[1]", R"({"model":"m"})"}) {
        EXPECT_FALSE(make_answer(SimulatedEndpoint::chat, body, body.size(), {}).has_value())
            << body;
    }
}

TEST(MakeAnswer, LargeBodiesAreAnsweredByTheirBeginning) {
    const std::string large(100'000, 'x');
    const std::string one = chat("1" + large, true);
    const std::string two = chat("2" + large, true);
    const std::string_view front = std::string_view(one).substr(0, kInspectedBytesMax);
    const Answer whole = answer_to(one);
    EXPECT_EQ(whole.bytes, make_answer(SimulatedEndpoint::chat, front, one.size(), {})->bytes);
    EXPECT_NE(whole.bytes, answer_to(two).bytes);
    EXPECT_TRUE(whole.is_stream());
    EXPECT_EQ(whole.tokens, 5U);
}

TEST(MakeAnswer, BlanksCoverIdsAndTimesOnly) {
    for (const bool stream : {false, true}) {
        const std::string body = chat("a", stream);
        const Answer answer =
            answer_to(body, {.stamped = stream, .has_own_ids = true, .model = {}});
        const Answer strict = answer_to(body, {.stamped = stream, .model = {}});
        EXPECT_EQ(answer.bytes, strict.bytes);
        ASSERT_GT(answer.blanks.size(), strict.blanks.size());
        uint32_t before = 0;
        for (const Blank& blank : answer.blanks) {
            EXPECT_GE(blank.begin, before);
            EXPECT_GT(blank.end, blank.begin);
            before = blank.end;
        }
        // What is left says nothing about ids and times but their names.
        std::string rest;
        uint32_t from = 0;
        for (const Blank& blank : answer.blanks) {
            rest += answer.bytes.substr(from, blank.begin - from) + "#";
            from = blank.end;
        }
        rest += answer.bytes.substr(from);
        EXPECT_NE(rest.find(R"("created":#,)"), std::string::npos) << rest;
        EXPECT_NE(rest.find(R"("id":"chatcmpl-#",)"), std::string::npos) << rest;
        EXPECT_NE(rest.find(R"("model":"m")"), std::string::npos);
    }
}

TEST(MakeAnswer, KeysDifferWhereAnswersDo) {
    const auto key = [](std::string_view body, const AnswerOptions& options) {
        std::string text;
        append_answer_key(text, SimulatedEndpoint::chat, body, body.size(), options);
        return text;
    };
    const std::string body = chat("a", true);
    const std::string plain = key(body, {});
    EXPECT_EQ(plain, key(body, {}));
    EXPECT_NE(plain, key(chat("b", true), {}));
    EXPECT_NE(plain, key(body, {.tokens = 3, .model = {}}));
    EXPECT_NE(plain, key(body, {.event_bytes = 3, .model = {}}));
    EXPECT_NE(plain, key(body, {.stamped = true, .model = {}}));
    const std::string large(100'000, 'x');
    EXPECT_NE(key(chat("1" + large, true), {}), key(chat("2" + large, true), {}));
    EXPECT_NE(key(chat("1" + large, true), {}), key(chat("1" + large, false), {}));
}

TEST(RequestScan, FindsItsMembersInAnyOrder) {
    const RequestScan scan = scan_request(
        R"( { "messages" : [ {"role":"user","content":"a \"quoted\\\\\" ]} text"} ] , "n":2,)"
        "\n"
        R"("stream_options":{"x":[1,{"include_usage":false}],"include_usage":true},)"
        R"("stream" : true, "max_completion_tokens": 17 ,"model":"the model"})");
    EXPECT_EQ(scan.model, "the model");
    EXPECT_EQ(scan.prompt, R"([ {"role":"user","content":"a \"quoted\\\\\" ]} text"} ])");
    EXPECT_TRUE(scan.stream);
    EXPECT_TRUE(scan.include_usage);
    EXPECT_EQ(scan.tokens_max, 17U);
}

TEST(RequestScan, SurvivesEveryCutAndEveryWrongByte) {
    const std::string body = chat(R"(a\"b)", true);
    for (size_t i = 0; i <= body.size(); ++i) {
        const std::string cut(body, 0, i);
        const RequestScan scan = scan_request(cut);
        EXPECT_LE(scan.prompt.size(), cut.size());
    }
    Prng prng(11);
    for (int i = 0; i < 20'000; ++i) {
        std::string wrong = body;
        for (uint32_t n = prng.below(4); n > 0; --n) {
            wrong[prng.below(static_cast<uint32_t>(wrong.size()))] = "\"\\{}[],: x"[prng.below(10)];
        }
        scan_request(wrong);
    }
}

TEST(RequestScan, KeepsTheBeginningOfALongPrompt) {
    const std::string body = chat(std::string(10'000, 'x'), false);
    EXPECT_EQ(scan_request(body).prompt.size(), RequestScan::kPromptBytesMax);
}

}  // namespace
}  // namespace sluice::llm_kit
