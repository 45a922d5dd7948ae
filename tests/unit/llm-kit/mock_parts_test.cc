// The pure parts of llm-mock: faults, plans, prepared answers.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/time.h"
#include "http/chunked.h"
#include "http/header_map.h"
#include "http/limits.h"
#include "llm-kit/answer.h"
#include "llm-kit/answer_cache.h"
#include "llm-kit/fault.h"
#include "llm-kit/make_answer.h"
#include "llm-mock/options.h"
#include "llm-mock/request_plan.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_mock {
namespace {

using llm_kit::FaultCut;
using llm_kit::FaultFraming;
using llm_kit::FaultScript;
using llm_kit::FaultSpec;
using llm_kit::FaultStart;
using llm_kit::PreparedAnswer;

FaultSpec fault_of(std::string_view text) {
    std::string wrong;
    const std::optional<FaultSpec> fault = llm_kit::parse_fault(text, wrong);
    EXPECT_TRUE(fault.has_value()) << wrong;
    return fault.value_or(FaultSpec());
}

TEST(Fault, WordsSetTheirMembers) {
    const FaultSpec fault = fault_of(
        "status=429, retry-after=Wed, delay-ms=1.5,interim=2,big-head=3KiB,length-off=-7,"
        "reset-after-bytes=10,no-done,split");
    EXPECT_EQ(fault.status, 429);
    EXPECT_EQ(fault.retry_after, "Wed");
    EXPECT_EQ(fault.delay, Duration::microseconds(1500));
    EXPECT_EQ(fault.interim_responses, 2U);
    EXPECT_EQ(fault.extra_head_bytes, 3072U);
    EXPECT_EQ(fault.length_off_bytes, -7);
    EXPECT_EQ(fault.cut, FaultCut::reset);
    EXPECT_TRUE(fault.is_cut_by_bytes);
    EXPECT_EQ(fault.cut_after, 10U);
    EXPECT_TRUE(fault.leaves_out_done);
    EXPECT_TRUE(fault.is_raw());
    EXPECT_FALSE(fault_of("").is_raw());
    EXPECT_EQ(fault_of("framing=close").framing, FaultFraming::until_close);
    EXPECT_EQ(fault_of("silent").start, FaultStart::silent);
    EXPECT_EQ(fault_of("length-off=+3").length_off_bytes, 3);
}

TEST(Fault, EveryWordOfTheReferenceIsKnown) {
    for (const std::string_view text :
         {"silent", "reset", "close", "garbage", "slow-head-ms=2", "framing=chunked",
          "close-after-events=1", "close-after-bytes=1", "reset-after-events=1",
          "stall-after-events=1", "stall-after-bytes=1", "bad-chunk-after-events=1",
          "bad-json-after-events=1", "error-after-events=1", "no-terminator", "silent-close",
          "ok"}) {
        fault_of(text);
        const std::string_view word = text.substr(0, text.find('='));
        EXPECT_NE(llm_kit::fault_reference().find(word), std::string_view::npos) << word;
    }
}

TEST(Fault, NonsenseIsRefused) {
    for (const std::string_view text :
         {"fire", "status", "status=99", "status=abc", "status=600", "ok=1", "delay-ms=x",
          "split=1", "framing=tin", "length-off=", "close-after-events=-1", "big-head=-1"}) {
        std::string wrong;
        EXPECT_FALSE(llm_kit::parse_fault(text, wrong)) << text;
        EXPECT_FALSE(wrong.empty());
    }
}

TEST(Fault, ScriptsAreSplitAtBars) {
    std::string wrong;
    const std::optional<FaultScript> script =
        llm_kit::parse_fault_script("status=500,no-done | ok|reset", wrong);
    ASSERT_TRUE(script);
    ASSERT_EQ(script->size(), 3U);
    EXPECT_EQ((*script)[0].status, 500);
    EXPECT_EQ((*script)[1].status, 0);
    EXPECT_EQ((*script)[2].start, FaultStart::reset);
    EXPECT_FALSE(llm_kit::parse_fault_script("ok|nonsense", wrong));
}

TEST(RequestPlan, HeaderFieldsOverruleTheOptions) {
    MockOptions options;
    options.tokens = 9;
    options.pace.burst = 3;
    std::vector<http::HeaderField> storage(16);
    http::HeaderMap headers(storage);
    EXPECT_TRUE(headers.add("Host", "x"));
    EXPECT_TRUE(headers.add("X-Mock-TTFT-ms", "1.5"));
    EXPECT_TRUE(headers.add("x-mock-itl-ms", "20"));
    EXPECT_TRUE(headers.add("x-mock-stamp", "1"));
    EXPECT_TRUE(headers.add("x-mock-fault", "status=500"));
    EXPECT_TRUE(headers.add("x-mock-key", "k"));
    RequestPlan plan;
    std::string wrong;
    ASSERT_TRUE(make_plan(options, headers, plan, wrong)) << wrong;
    EXPECT_EQ(plan.pace.first_token.mean, Duration::microseconds(1500));
    EXPECT_EQ(plan.pace.next_token.mean, Duration::milliseconds(20));
    EXPECT_EQ(plan.pace.burst, 3U);
    EXPECT_EQ(plan.answer.tokens, 9U);
    EXPECT_TRUE(plan.answer.stamped);
    EXPECT_EQ(plan.fault_script, "status=500");
    EXPECT_EQ(plan.key, "k");
    EXPECT_TRUE(headers.add("x-mock-burst", "0"));
    EXPECT_FALSE(make_plan(options, headers, plan, wrong));
    EXPECT_NE(wrong.find("x-mock-burst"), std::string::npos);
}

TEST(PreparedAnswer, FramedEventsAreTheAnswerInChunks) {
    constexpr std::string_view kBody =
        R"({"model":"m","stream":true,"max_tokens":3,"messages":[{"role":"user","content":"x"}]})";
    const llm_kit::Answer answer = *llm_kit::make_answer(
        providers::SimulatedEndpoint::chat, kBody, kBody.size(), {.stamped = true, .model = {}});
    const PreparedAnswer prepared = llm_kit::prepare_answer(answer);
    ASSERT_EQ(prepared.events.size(), answer.events.size());
    EXPECT_EQ(prepared.payload_bytes(), answer.bytes.size());
    std::string decoded;
    http::ChunkedDecoder decoder(http::MessageLimits(), ErrorSource::upstream);
    std::string_view rest = prepared.bytes.view();
    uint32_t begin = 0;
    for (size_t i = 0; i < prepared.events.size(); ++i) {
        const PreparedAnswer::Event& event = prepared.events[i];
        EXPECT_EQ(event.begin, begin);
        EXPECT_EQ(prepared.bytes.view().substr(event.payload, event.payload_bytes),
                  answer.event(i));
        EXPECT_EQ(prepared.bytes.view().substr(event.stamp, 3), "000");
        begin = event.end;
    }
    EXPECT_EQ(begin, prepared.bytes.size());
    while (!rest.empty()) {
        const Result<http::ChunkedPiece> piece = decoder.next(rest);
        ASSERT_TRUE(piece);
        decoded += rest.substr(piece->data_offset, piece->data_length);
        rest.remove_prefix(piece->consumed);
    }
    EXPECT_EQ(decoded, answer.bytes);
}

TEST(AnswerCache, GivesTheSameAnswerAgain) {
    llm_kit::AnswerCache cache;
    constexpr std::string_view kBody =
        R"({"model":"m","messages":[{"role":"user","content":"x"}]})";
    const auto first =
        cache.find_or_make(providers::SimulatedEndpoint::chat, kBody, kBody.size(), {});
    const auto second =
        cache.find_or_make(providers::SimulatedEndpoint::chat, kBody, kBody.size(), {});
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->get(), second->get());
    EXPECT_FALSE(cache.find_or_make(providers::SimulatedEndpoint::chat, "{", 1, {}));
}

}  // namespace
}  // namespace sluice::llm_mock
