// Replies of services that speak OpenAI's API, each deviating in its own way, as one client sees
// them; and that a reply means the same streamed and whole.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "unit/providers/chat_driver.h"
#include "unit/providers/vector_aggregate.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {

namespace {

using json::Value;

std::string chunk(std::string_view choice, std::string_view more = "") {
    return R"({"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[)" +
           std::string(choice) + "]" + std::string(more) + "}";
}

std::string delta(std::string_view members) {
    return chunk(R"({"index":0,"delta":{)" + std::string(members) + R"(},"finish_reason":null})");
}

std::string finish(std::string_view reason) {
    return chunk(R"({"index":0,"delta":{},"finish_reason":")" + std::string(reason) + "\"}");
}

std::string call(std::string_view members) {
    return delta(R"("tool_calls":[{)" + std::string(members) + "}]");
}

std::string json_difference(std::string_view expected, std::string_view actual) {
    Arena arena;
    const auto tree = Value::parse(expected, arena, ErrorSource::client);
    return tree ? difference(**tree, actual, Extras::allowed) : "the test itself is not JSON";
}

// Ends the events with [DONE] and checks the message that a strict client gathers.
void expect_gathered(std::vector<std::string> events,
                     std::string_view expected,
                     const ReplyOptions& options = {}) {
    events.emplace_back("[DONE]");
    const Received received = stream_reply(events, options);
    EXPECT_FALSE(received.failed) << received.message;
    const Aggregate seen = aggregate_chat(received.text, true);
    EXPECT_EQ(seen.problem, "") << received.text;
    EXPECT_EQ(json_difference(expected, seen.json), "") << received.text;
}

std::string one_call(std::string_view id, std::string_view arguments) {
    return R"({"message":{"tool_calls":[{"id":")" + std::string(id) +
           R"(","type":"function","function":{"name":"f","arguments":")" + std::string(arguments) +
           R"("}}]},"finish_reason":"tool_calls"})";
}

TEST(ChatReply, CallsAreFoundByIndexByIdOrByNeither) {
    const std::string expected = R"({"message":{"tool_calls":[
        {"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},
        {"id":"b","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"})";
    const std::string end = finish("tool_calls");
    // Indices that begin anywhere.
    expect_gathered({call(R"("index":3,"id":"a","function":{"name":"f","arguments":""})"),
                     call(R"("index":3,"function":{"arguments":"{\"x\":"})"),
                     call(R"("index":3,"function":{"arguments":"1}"})"),
                     call(R"("index":9,"id":"b","function":{"name":"g","arguments":"{}"})"), end},
                    expected);
    // All numbered 0.
    expect_gathered({call(R"("index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"})"),
                     call(R"("index":0,"id":"b","function":{"name":"g","arguments":"{}"})"), end},
                    expected);
    // No index; then no id either.
    expect_gathered({call(R"("id":"a","function":{"name":"f","arguments":"{\"x\":"})"),
                     call(R"("function":{"arguments":"1}"})"),
                     call(R"("id":"b","function":{"name":"g","arguments":"{}"})"), end},
                    expected);
    // An id and a name made up for every piece.
    expect_gathered({call(R"("index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"})"),
                     call(R"("index":0,"id":"z","function":{"name":"f","arguments":"1}"})"),
                     call(R"("index":1,"id":"b","function":{"name":"g","arguments":"{}"})"), end},
                    expected);
    // Interleaved, with names and ids said again.
    expect_gathered({call(R"("index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"})"),
                     call(R"("index":1,"id":"b","function":{"name":"g","arguments":"{"})"),
                     call(R"("index":0,"id":"a","function":{"name":"f","arguments":"1}"})"),
                     call(R"("index":1,"id":"","function":{"name":null,"arguments":"}"})"), end},
                    expected);
}

TEST(ChatReply, CallsThatComeInOtherForms) {
    const std::string end = finish("stop");
    // The name after the id and some arguments.
    expect_gathered({call(R"("index":0,"id":"a","function":{"name":null,"arguments":""})"),
                     call(R"("index":0,"function":{"arguments":"{\"x\""})"),
                     call(R"("index":0,"function":{"name":"f","arguments":":1}"})"), end},
                    one_call("a", R"({\"x\":1})"));
    // An object instead of its text, one call instead of a list, no id, no arguments.
    expect_gathered({call(R"("id":"a","function":{"name":"f","arguments":{"x":"\n"}})"), end},
                    one_call("a", R"({\"x\":\"\\n\"})"));
    expect_gathered(
        {delta(R"("tool_calls":{"index":0,"id":"0","function":{"name":"f","arguments":"{}"}})"),
         end},
        one_call("0", "{}"));
    expect_gathered({call(R"("index":0,"function":{"name":"f","arguments":null})"), end},
                    one_call("call_0123456789abcdef_0", "{}"));
    expect_gathered({delta(R"("function_call":{"name":"f","arguments":"{"})"),
                     delta(R"("function_call":{"arguments":"}"})"), finish("function_call")},
                    one_call("call_0123456789abcdef_0", "{}"));
    expect_gathered({delta(R"("content":"x","tool_calls":[])"),
                     delta(R"("content":null,"tool_calls":null)"), end},
                    R"({"message":{"content":"x"},"finish_reason":"stop"})");
}

TEST(ChatReply, ReasonsToFinish) {
    struct Case {
        std::string_view theirs;
        std::string_view ours;
    };
    static constexpr Case kCases[] = {
        {"stop", "stop"},         {"eos", "stop"},
        {"eos_token", "stop"},    {"stop_sequence", "stop"},
        {"COMPLETE", "stop"},     {"something_new", "stop"},
        {"length", "length"},     {"model_length", "length"},
        {"MAX_TOKENS", "length"}, {"content_filter", "content_filter"},
        {"tool_calls", "stop"},  // Without any call.
    };
    for (const Case& reason : kCases) {
        expect_gathered({delta(R"("content":"x")"), finish(reason.theirs)},
                        R"({"finish_reason":")" + std::string(reason.ours) + "\"}");
    }
    const std::string partial =
        call(R"("index":0,"id":"a","function":{"name":"f","arguments":"{"})");
    expect_gathered({partial, finish("length")}, R"({"finish_reason":"length"})");
    expect_gathered({delta(R"("content":"x")")}, R"({"finish_reason":"stop"})");
    expect_gathered({delta(R"("content":"x")"), finish("length"), finish("stop"), finish("")},
                    R"({"finish_reason":"length"})");
}

TEST(ChatReply, ReasoningUnderItsNames) {
    const std::string expected =
        R"({"message":{"content":"x","reasoning_content":"ab"},"finish_reason":"stop"})";
    const std::string rest = delta(R"("content":"x")");
    const std::string end = finish("stop");
    expect_gathered({delta(R"("reasoning":"a")"), delta(R"("reasoning":"b")"), rest, end},
                    expected);
    expect_gathered({delta(R"("reasoning":"a","reasoning_content":"a")"),
                     delta(R"("reasoning":"b","reasoning_content":"b")"), rest, end},
                    expected);
    expect_gathered({delta(R"("content":[{"type":"thinking","thinking":[{"type":"text",
                               "text":"a"},{"type":"text","text":"b"}],"closed":true},
                               {"type":"text","text":"x"}])"),
                     end},
                    expected);
}

TEST(ChatReply, WhatClientsMustSendBackStaysAsItIs) {
    const std::string details = R"("reasoning_details":[{"type":"reasoning.text","text":"a",)"
                                R"("signature":"s","format":"f","index":0}])";
    const Received streamed = stream_reply(
        {delta(R"("reasoning":"a",)" + details), delta(R"("annotations":[])"), finish("stop")});
    EXPECT_NE(streamed.text.find("\"delta\":{" + details + "}"), std::string::npos)
        << streamed.text;
    EXPECT_EQ(streamed.text.find("annotations"), std::string::npos);
    const Received whole =
        whole_reply(R"({"choices":[{"message":{"content":"x",)" + details + "}}]}");
    EXPECT_EQ(
        json_difference(R"({"choices":[{"message":{"content":"x",)" + details + "}}]}", whole.text),
        "")
        << whole.text;
}

TEST(ChatReply, UsageUnderItsNames) {
    struct Case {
        std::string_view theirs;
        std::string_view ours;
    };
    static constexpr Case kCases[] = {
        {R"("usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_cache_hit_tokens":4})",
         R"({"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,
             "prompt_tokens_details":{"cached_tokens":4}})"},
        {R"("usage":{"prompt_tokens":9,"completion_tokens":3,"cached_tokens":4})",
         R"({"prompt_tokens_details":{"cached_tokens":4}})"},
        {R"("x_groq":{"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}})",
         R"({"total_tokens":12})"},
        {R"("usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":12,
             "completion_tokens_details":{"reasoning_tokens":2}})",
         R"({"completion_tokens":3,"total_tokens":12})"},
        {R"("usage":null)", "null"},
    };
    for (const Case& usage : kCases) {
        expect_gathered({chunk(R"({"index":0,"delta":{"content":"x"},"finish_reason":"stop"})",
                               "," + std::string(usage.theirs))},
                        R"({"usage":)" + std::string(usage.ours) + "}");
    }
    expect_gathered({chunk(R"({"index":0,"delta":{"content":"x"},"finish_reason":"stop"})",
                           R"(,"usage":{"prompt_tokens":9,"completion_tokens":3})")},
                    R"({"usage":null})", {.include_usage = false});
}

TEST(ChatReply, FrameIsTheSameInEveryChunk) {
    expect_gathered(
        {R"({"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]})",
         R"({"id":"x","created":7,"model":"n","choices":[{"index":0,"delta":{"content":"a"}}]})",
         R"({"id":"y","created":8,"model":"o","choices":[{"delta":{"content":"b"}}]})",
         R"({"choices":[{"index":0,"content_filter_offsets":{},"finish_reason":null}]})",
         finish("stop")},
        R"({"message":{"content":"ab"},"finish_reason":"stop"})");
    const Received received =
        stream_reply({delta(R"("content":"a")"), finish("stop")}, {.vendor = "ollama_v1"});
    EXPECT_NE(received.text.find(R"("id":"chatcmpl-0123456789abcdef")"), std::string::npos);
}

TEST(ChatReply, PerplexityRepeatsTheWholeMessage) {
    expect_gathered(
        {chunk(R"({"index":0,"delta":{"content":"a"},"message":{"content":"a"}})"),
         chunk(R"({"index":0,"delta":{"content":"b"},"message":{"content":"ab"}})"),
         R"({"id":"i","object":"chat.completion.done","created":1,"model":"m","choices":[
             {"index":0,"delta":{"content":"ab"},"message":{"content":"ab"},
              "finish_reason":"stop"}]})"},
        R"({"message":{"content":"ab"},"finish_reason":"stop"})");
}

void expect_failed(const std::vector<std::string>& events,
                   bool has_started,
                   std::string_view code,
                   std::string_view message) {
    const Received received = stream_reply(events);
    EXPECT_TRUE(received.failed);
    EXPECT_EQ(received.code, code);
    EXPECT_NE(received.message.find(message), std::string::npos) << received.message;
    EXPECT_EQ(!received.text.empty(), has_started) << received.text;
    EXPECT_EQ(received.text.find("[DONE]"), std::string::npos);
    if (has_started) {
        EXPECT_EQ(aggregate_chat(received.text, false).problem, "") << received.text;
    }
}

TEST(ChatReply, FailuresInsideAStream) {
    const std::string text = delta(R"("content":"x")");
    expect_failed({R"({"error":{"message":"boom","code":503}})"}, false, "upstream_unavailable",
                  "boom");
    expect_failed({text, R"({"error":"boom","error_type":"generation"})"}, true, "upstream_error",
                  "boom");
    expect_failed({text, R"({"object":"error","message":"boom","code":400})"}, true, "", "boom");
    expect_failed({text,
                   chunk(R"({"index":0,"delta":{},"finish_reason":"error"})",
                         R"(,"error":{"message":"boom","code":429})"),
                   "[DONE]"},
                  true, "rate_limit_exceeded", "boom");
    expect_failed({text, finish("error")}, true, "upstream_error", "failed");
    expect_failed({text, finish("insufficient_system_resource")}, true, "upstream_unavailable",
                  "resources");
    expect_failed({text, R"({"x_groq":{"error":"boom"},"choices":[]})"}, true, "upstream_error",
                  "boom");
    expect_failed({text}, true, "stream_truncated", "");
    expect_failed({}, false, "stream_truncated", "");
    expect_failed({"[DONE]"}, false, "upstream_invalid_response", "");
    expect_failed({text, "{"}, true, "upstream_invalid_response", "");
}

TEST(ChatReply, FailuresInsteadOfAReply) {
    EXPECT_EQ(whole_reply(R"({"error":{"message":"boom","code":502}})").code,
              "upstream_bad_gateway");
    EXPECT_EQ(whole_reply(R"({"choices":[]})").code, "upstream_invalid_response");
    EXPECT_EQ(whole_reply(R"({"id":"x"})").code, "upstream_invalid_response");
    EXPECT_EQ(whole_reply("<html>").code, "upstream_invalid_response");
}

TEST(ChatReply, FunctionsGetTheirOwnFormBack) {
    const ReplyOptions options = {.uses_functions = true};
    const std::string_view message =
        R"({"id":"i","model":"m","choices":[{"message":{"content":null,"tool_calls":[
            {"id":"a","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]})";
    EXPECT_EQ(json_difference(
                  R"({"choices":[{"message":{"content":null,"function_call":{"name":"f",
                      "arguments":"{}"}},"finish_reason":"function_call"}]})",
                  whole_reply(message, options).text),
              "");
    const Received received =
        stream_reply({call(R"("index":0,"id":"a","function":{"name":"f","arguments":"{}"})"),
                      finish("tool_calls"), "[DONE]"},
                     options);
    EXPECT_NE(received.text.find(R"("delta":{"function_call":{"name":"f","arguments":""}})"),
              std::string::npos)
        << received.text;
    EXPECT_NE(received.text.find(R"("finish_reason":"function_call")"), std::string::npos);
    EXPECT_EQ(received.text.find("tool_calls"), std::string::npos);
}

// Invariant 1 of the translation rules, on one reply in both forms.
TEST(ChatReply, StreamedAndWholeMeanTheSame) {
    const std::string usage = R"("usage":{"prompt_tokens":9,"completion_tokens":3,
        "total_tokens":12,"completion_tokens_details":{"reasoning_tokens":1}})";
    const std::string expected = R"({"message":{"role":"assistant","content":"x \"\u00e9\"",
        "reasoning_content":"why","thinking_blocks":[{"type":"thinking","thinking":"why",
        "signature":"s"}],"tool_calls":[{"id":"a","type":"function","function":{"name":"f",
        "arguments":"{\"q\":\"\\\"\"}"},"extra_content":{"google":{"thought_signature":"t"}}}]},
        "finish_reason":"tool_calls"})";
    const std::string thinking = R"("thinking_blocks":[{"type":"thinking","thinking":"why",
        "signature":"s"}])";
    const std::string signature = R"("extra_content":{"google":{"thought_signature":"t"}})";
    expect_gathered(
        {delta(R"("role":"assistant","content":"")"), delta(R"("reasoning_content":"w")"),
         delta(R"("reasoning_content":"hy",)" + thinking), delta(R"("content":"x \"")"),
         delta(R"("content":"\u00e9\"")"),
         call(R"("index":0,"id":"a","function":{"name":"f","arguments":"{\"q\":"},)" + signature),
         call(R"("index":0,"function":{"arguments":"\"\\\"\"}"})"), finish("tool_calls"),
         chunk("", "," + usage)},
        expected.substr(0, expected.size() - 1) + "," + usage + "}");
    const Received received = whole_reply(
        R"({"id":"i","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",
            "content":"x \"\u00e9\"","reasoning_content":"why",)" +
        thinking + R"(,"tool_calls":[{"id":"a","type":"function","function":{"name":"f",
            "arguments":"{\"q\":\"\\\"\"}"},)" +
        signature + R"(}]},"finish_reason":"stop"}],)" + usage + "}");
    EXPECT_EQ(json_difference(R"({"choices":[)" + expected + "]," + usage + "}", received.text), "")
        << received.text;
}

}  // namespace

}  // namespace sluice::providers::test
