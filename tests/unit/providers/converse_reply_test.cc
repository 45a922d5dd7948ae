// Replies of Converse that no record shows: emulated JSON output, blocks out of order, failures.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/result.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/reply.h"
#include "providers/vendor.h"
#include "unit/providers/request_trial.h"

namespace sluice::providers {
namespace {

const Vendor& bedrock() {
    return *find_vendor("bedrock");
}

struct Seen {
    std::string text;
    std::string reasoning;
    std::vector<std::string> calls;  // "NAME ARGUMENTS"
    std::vector<std::string> thinking;
    FinishReason finish = FinishReason::stop;
    std::string failure;
};

// The events go by name, as the frames are tried elsewhere.
Seen read(const std::vector<std::pair<std::string, std::string>>& events) {
    Arena arena;
    Arena scratch;
    ReplyCollector collector(arena);
    ReplyOrder order(collector, arena);
    const Target target = {.vendor = &bedrock(), .model = "m"};
    ReplyDecoder& decoder = upstream_dialect(Dialect::converse)->make_decoder(order, target, arena);
    for (const auto& [name, data] : events) {
        EXPECT_TRUE(decoder.on_message(name, data, scratch).has_value()) << data;
        scratch.clear();
    }
    decoder.on_end();
    Seen seen;
    if (order.has_failed()) {
        seen.failure =
            std::string(order.failure().code) + ": " + std::string(order.failure().message);
        return seen;
    }
    const Reply reply = collector.reply();
    const ReplyChoice& choice = reply.choices[0];
    seen.text = choice.text.raw;
    seen.reasoning = choice.reasoning.raw;
    seen.finish = choice.finish;
    for (const ReplyToolCall& call : choice.tool_calls) {
        seen.calls.push_back(std::string(call.start.name.raw) + " " +
                             std::string(call.arguments.raw));
    }
    for (const ThinkingBlock& block : choice.thinking) {
        seen.thinking.push_back(std::string(block.thinking.raw) + "|" +
                                std::string(block.signature.raw) + "|" +
                                std::string(block.redacted.raw));
    }
    return seen;
}

std::pair<std::string, std::string> delta(int block, const std::string& content) {
    return {"contentBlockDelta",
            R"({"contentBlockIndex":)" + std::to_string(block) + R"(,"delta":)" + content + "}"};
}

std::pair<std::string, std::string> start(int block, const std::string& tool) {
    return {"contentBlockStart", R"({"contentBlockIndex":)" + std::to_string(block) +
                                     R"(,"start":{"toolUse":{"toolUseId":"i","name":")" + tool +
                                     "\"}}}"};
}

std::pair<std::string, std::string> stop(int block) {
    return {"contentBlockStop", R"({"contentBlockIndex":)" + std::to_string(block) + "}"};
}

std::pair<std::string, std::string> input(int block, const std::string& fragment) {
    return delta(block, R"({"toolUse":{"input":")" + fragment + "\"}}");
}

const std::pair<std::string, std::string> kToolUse = {"messageStop",
                                                      R"({"stopReason":"tool_use"})"};
const std::pair<std::string, std::string> kEndTurn = {"messageStop",
                                                      R"({"stopReason":"end_turn"})"};

TEST(ConverseReply, AnEmulatedAnswerIsText) {
    const Seen seen = read({start(0, "sluice_json_response"), input(0, R"({\"a\")"),
                            input(0, ":1}"), stop(0), kToolUse});
    EXPECT_EQ(seen.text, R"({\"a\":1})");
    EXPECT_TRUE(seen.calls.empty());
    EXPECT_EQ(seen.finish, FinishReason::stop);
}

TEST(ConverseReply, AWrappedAnswerIsUnwrapped) {
    const Seen seen = read({start(0, "sluice_json_response_value"), input(0, R"({\"value\": )"),
                            input(0, "[1,2]}"), stop(0), kToolUse});
    EXPECT_EQ(seen.text, "[1,2]");
    const std::string body =
        R"({"output":{"message":{"role":"assistant","content":[{"toolUse":{"toolUseId":"i",
            "name":"sluice_json_response_value","input":{"value":"x"}}}]}},
            "stopReason":"tool_use"})";
    EXPECT_EQ(test::whole_reply(bedrock(), body, "content"), R"("\"x\"")");
    EXPECT_EQ(test::whole_reply(bedrock(), body, "finish_reason"), "\"stop\"");
}

TEST(ConverseReply, OtherCallsStayCallsBesideAnEmulatedAnswer) {
    const Seen seen = read({start(0, "sluice_json_response"), input(0, "{}"), stop(0),
                            start(1, "f"), stop(1), kToolUse});
    EXPECT_EQ(seen.text, "{}");
    EXPECT_EQ(seen.calls, std::vector<std::string>{"f {}"});
    EXPECT_EQ(seen.finish, FinishReason::tool_calls);
}

TEST(ConverseReply, InterleavedBlocksStayApart) {
    const Seen seen = read({start(1, "f"),
                            start(3, "g"),
                            input(3, "[3"),
                            input(1, "[1"),
                            delta(0, R"({"text":"t"})"),
                            input(3, "]"),
                            input(1, "]"),
                            stop(1),
                            stop(3),
                            {"somethingNew", "{}"},
                            delta(4, R"({"audio":{"x":1}})"),
                            kToolUse});
    EXPECT_EQ(seen.text, "t");
    EXPECT_EQ(seen.calls, (std::vector<std::string>{"f [1]", "g [3]"}));
}

TEST(ConverseReply, ReasoningKeepsItsSignature) {
    const Seen seen = read({delta(0, R"({"reasoningContent":{"text":"a"}})"),
                            delta(0, R"({"reasoningContent":{"text":"b"}})"),
                            delta(0, R"({"reasoningContent":{"signature":"s"}})"), stop(0),
                            delta(1, R"({"reasoningContent":{"redactedContent":"r"}})"), stop(1),
                            delta(2, R"({"reasoningContent":{"text":"c"}})"), stop(2), kEndTurn});
    EXPECT_EQ(seen.reasoning, "abc");
    EXPECT_EQ(seen.thinking, (std::vector<std::string>{"ab|s|", "||r"}));
}

TEST(ConverseReply, StopReasons) {
    const std::pair<std::string, FinishReason> cases[] = {
        {"end_turn", FinishReason::stop},
        {"stop_sequence", FinishReason::stop},
        {"malformed_tool_use", FinishReason::stop},
        {"something_new", FinishReason::stop},
        {"max_tokens", FinishReason::length},
        {"model_context_window_exceeded", FinishReason::length},
        {"guardrail_intervened", FinishReason::content_filter},
        {"content_filtered", FinishReason::content_filter},
    };
    for (const auto& [reason, finish] : cases) {
        const Seen seen = read(
            {delta(0, R"({"text":"t"})"), {"messageStop", R"({"stopReason":")" + reason + "\"}"}});
        EXPECT_EQ(seen.failure, "");
        EXPECT_EQ(seen.finish, finish) << reason;
    }
}

TEST(ConverseReply, NothingButMalformedOutputCanBeTriedAgain) {
    EXPECT_TRUE(read({{"messageStart", "{}"},
                      {"messageStop", R"({"stopReason":"malformed_model_output"})"}})
                    .failure.starts_with("upstream_invalid_response"));
}

TEST(ConverseReply, FailuresInsideTheStream) {
    EXPECT_EQ(
        read({{"exception:validationException", R"({"message":"Input is too long"})"}}).failure,
        "context_length_exceeded: Input is too long");
    EXPECT_EQ(read({{"exception:serviceUnavailableException", "not JSON"}}).failure,
              "upstream_unavailable: The upstream answered with an error.");
    EXPECT_EQ(read({{"error:ThrottlingException", "slow down"}}).failure,
              "rate_limit_exceeded: slow down");
    EXPECT_TRUE(read({{"messageStart", "{}"}}).failure.starts_with("stream_truncated"));
}

TEST(ConverseReply, CitedTextIsText) {
    EXPECT_EQ(test::whole_reply(bedrock(), R"({"output":{"message":{"content":[
                  {"citationsContent":{"content":[{"text":"a"},{"text":"b"}],"citations":[]}},
                  {"text":"c"}]}},"stopReason":"end_turn"})",
                                "content"),
              "\"abc\"");
}

TEST(ConverseReply, AWholeReplyWithoutAMessageIsInvalid) {
    Arena arena;
    ReplyCollector collector(arena);
    ReplyOrder order(collector, arena);
    const Target target = {.vendor = &bedrock(), .model = "m"};
    ReplyDecoder& decoder = upstream_dialect(Dialect::converse)->make_decoder(order, target, arena);
    for (const char* body : {"", "[]", "{}", R"({"message":"something went wrong"})"}) {
        EXPECT_FALSE(decoder.on_whole(body, arena).has_value()) << body;
    }
}

}  // namespace
}  // namespace sluice::providers
