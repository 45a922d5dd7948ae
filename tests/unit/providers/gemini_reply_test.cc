// What becomes of Gemini's replies, streamed and whole, beyond the recorded exchanges.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/compact.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/transcoder.h"
#include "providers/vendor.h"
#include "unit/providers/vector_aggregate.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {
namespace {

struct Received {
    std::string text;
    bool failed = false;
    bool started = false;
    std::shared_ptr<Arena> arena = std::make_shared<Arena>();  // What `error` looks into.
    ProviderError error;
    std::string message;
    Usage usage;
};

ReplyContext context(bool is_stream) {
    return {.fallback_id = "0123456789abcdef0123456789abcdef",
            .requested_model = "gemini-2.5-flash",
            .now_s = 1'755'000'000,
            .include_usage = true,
            .is_stream = is_stream};
}

Target target() {
    return {.vendor = find_vendor("gemini"), .model = "gemini-2.5-flash"};
}

Received stream(const std::vector<std::string>& events) {
    Received received;
    Arena& arena = *received.arena;
    json::StringText output(received.text);
    const ReplyContext of_stream = context(true);
    const Target to = target();
    StreamTranscoder transcoder(*client_dialect(Dialect::chat),
                                *upstream_dialect(Dialect::generate_content), to, of_stream, output,
                                arena);
    for (std::string event : events) {
        std::ranges::replace(event, '\n', ' ');
        transcoder.feed("data: " + event + "\r\n\r\n");
    }
    transcoder.end();
    received.started = transcoder.has_started();
    received.usage = transcoder.usage();
    received.failed = transcoder.has_failed();
    received.error = transcoder.failure();
    received.message = transcoder.failure().message;
    return received;
}

Received whole(const std::string& body) {
    Received received;
    Arena& arena = *received.arena;
    json::StringText output(received.text);
    const ReplyContext of_whole = context(false);
    const Target to = target();
    received.failed = !transcode_whole(*client_dialect(Dialect::chat),
                                       *upstream_dialect(Dialect::generate_content), to, of_whole,
                                       body, output, arena, received.usage, received.error);
    received.message = received.failed ? received.error.message : "";
    return received;
}

// Of a candidate's parts, one event.
std::string event(const std::string& parts, const std::string& reason = "") {
    return R"({"candidates":[{"content":{"role":"model","parts":[)" + parts + "]}" +
           (reason.empty() ? "" : R"(,"finishReason":")" + reason + "\"") +
           R"(}],"responseId":"r1","modelVersion":"gemini-2.5-flash"})";
}

std::string call(const std::string& name, const std::string& arguments) {
    return R"({"functionCall":{"name":")" + name + R"(","args":)" + arguments + "}}";
}

std::string aggregate(const Received& received) {
    const Aggregate seen = aggregate_chat(received.text, !received.failed);
    EXPECT_EQ(seen.problem, "") << received.text;
    return seen.json;
}

std::string check(const std::string& expected, const std::string& actual) {
    Arena arena;
    const auto wanted = json::Value::parse(expected, arena, ErrorSource::client);
    EXPECT_TRUE(wanted.has_value()) << expected;
    return difference(**wanted, actual, Extras::allowed);
}

std::string finish_of(const std::string& parts, const std::string& reason) {
    const std::string json = aggregate(stream({event(parts, reason)}));
    const size_t at = json.find(R"("finish_reason":")") + 17;
    return json.substr(at, json.find('"', at) - at);
}

TEST(GeminiReply, ParallelCallsAreTheSameStreamedAndWhole) {
    const std::string first = call("f", R"({ "a" : "é\"\\\n" , "b": [1, 2.50, {}] })");
    const std::string second = call("f", "{}");
    const std::string third = R"({"functionCall":{"name":"g"}})";
    const std::string streamed = aggregate(
        stream({event(first), event(second + "," + third), event(R"({"text":""})", "STOP")}));
    const Received at_once = whole(event(first + "," + second + "," + third, "STOP"));
    ASSERT_FALSE(at_once.failed) << at_once.message;
    Arena arena;
    const auto reply = json::Value::parse(at_once.text, arena, ErrorSource::client);
    const auto seen = json::Value::parse(streamed, arena, ErrorSource::client);
    ASSERT_TRUE(reply && seen);
    const json::Value& choice = *(**reply)["choices"].begin();
    EXPECT_EQ(difference(choice["message"]["tool_calls"], (**seen)["message"]["tool_calls"],
                         Extras::refused),
              "");
    EXPECT_EQ(choice["message"]["tool_calls"].size(), 3);
    EXPECT_EQ(choice["finish_reason"].text().raw, "tool_calls");
    EXPECT_EQ((**seen)["finish_reason"].text().raw, "tool_calls");
    const json::Value& arguments =
        (*choice["message"]["tool_calls"].begin())["function"]["arguments"];
    EXPECT_EQ(json::unescape(arguments.text().raw, arena), R"({"a":"é\"\\\n","b":[1,2.50,{}]})");
}

TEST(GeminiReply, CallsWithoutIdsGetThemFromTheReply) {
    const auto ids = [](const std::string& reply_id) {
        std::string body = event(call("f", "{}") + "," + call("f", "{}"), "STOP");
        body.replace(body.find("r1"), 2, reply_id);
        Arena arena;
        const std::string text = whole(body).text;
        const auto reply = json::Value::parse(text, arena, ErrorSource::client);
        std::vector<std::string> found;
        for (const json::Value& made : (*(**reply)["choices"].begin())["message"]["tool_calls"]) {
            found.emplace_back(made["id"].text().raw);
        }
        return found;
    };
    const std::vector<std::string> once = ids("r1");
    ASSERT_EQ(once.size(), 2);
    EXPECT_NE(once[0], once[1]);
    EXPECT_EQ(once[0].size(), 5 + 24);
    EXPECT_TRUE(once[0].starts_with("call_"));
    EXPECT_EQ(ids("r1"), once);
    EXPECT_NE(ids("r2")[0], once[0]);
    EXPECT_EQ(ids("").size(), 2);
    EXPECT_NE(ids("")[0], "");
}

TEST(GeminiReply, ReasonsToFinish) {
    const std::string text = R"({"text":"t"})";
    for (const std::string reason : {"STOP", "OTHER", "MALFORMED_FUNCTION_CALL", "NO_IMAGE",
                                     "TOO_MANY_TOOL_CALLS", "SOMETHING_NEW"}) {
        EXPECT_EQ(finish_of(text, reason), "stop") << reason;
        EXPECT_EQ(finish_of(call("f", "{}"), reason), "tool_calls") << reason;
    }
    for (const std::string reason : {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "SPII",
                                     "PROHIBITED_CONTENT", "MODEL_ARMOR", "IMAGE_SAFETY"}) {
        EXPECT_EQ(finish_of(text, reason), "content_filter") << reason;
    }
    EXPECT_EQ(finish_of(text, "MAX_TOKENS"), "length");
    EXPECT_EQ(finish_of(call("f", "{}"), "MAX_TOKENS"), "length");
    const Received late = stream({event(text, "MAX_TOKENS"), event(R"({"text":""})", "STOP")});
    EXPECT_EQ(check(R"({"finish_reason":"length"})", aggregate(late)), "");
}

TEST(GeminiReply, AReplyThatIsCompleteNeedsNoReason) {
    const Received received = whole(event(R"({"text":"t"})"));
    ASSERT_FALSE(received.failed);
    EXPECT_EQ(
        check(R"({"choices":[{"finish_reason":"stop","message":{"content":"t"}}]})", received.text),
        "");
    EXPECT_TRUE(stream({event(R"({"text":"t"})")}).error.is_truncation());
    EXPECT_EQ(whole("{}").error.code, "upstream_invalid_response");
    EXPECT_EQ(whole("<html>").error.code, "upstream_invalid_response");
}

TEST(GeminiReply, ThoughtsAreReasoning) {
    const Received received = stream({event(R"({"text":"hm","thought":true},{"text":"a"})"),
                                      event(R"({"text":"b","thoughtSignature":"QUJD"})", "STOP")});
    EXPECT_EQ(
        check(R"({"message":{"content":"ab","reasoning_content":"hm"}})", aggregate(received)), "");
}

TEST(GeminiReply, ArgumentsInPieces) {
    const std::vector<std::string> events = {
        event(R"({"functionCall":{"name":"f","willContinue":true}})"),
        event(R"({"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"x\"",
            "willContinue":true}],"willContinue":true}})"),
        event(R"({"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"y"},
            {"jsonPath":"$.b[0].c","numberValue":1.50}],"willContinue":true}})"),
        event(R"({"functionCall":{"partialArgs":[{"jsonPath":"$.b[0]['d e']","boolValue":true},
            {"jsonPath":"$.b[1].c","nullValue":null},{"jsonPath":"no path","numberValue":1},
            {"jsonPath":"$.z","stringValue":""}],"willContinue":true}})"),
        event(R"({"functionCall":{}})"),
        event(R"({"functionCall":{"name":"g","willContinue":true}})"),
        event(R"({"functionCall":{"name":"h","args":{"k":1}}})", "STOP")};
    EXPECT_EQ(check(R"({"finish_reason":"tool_calls","message":{"tool_calls":[
            {"function":{"name":"f","arguments":
                "{\"a\":\"x\\\"y\",\"b\":[{\"c\":1.50,\"d e\":true},{\"c\":null}],\"z\":\"\"}"}},
            {"function":{"name":"g","arguments":"{}"}},
            {"function":{"name":"h","arguments":"{\"k\":1}"}}]}})",
                    aggregate(stream(events))),
              "");
}

TEST(GeminiReply, UsageIsCumulativeAndTrafficAloneIsNone) {
    const auto with = [](const std::string& usage) {
        std::string text = event(R"({"text":"t"})", "STOP");
        text.insert(1, R"("usageMetadata":)" + usage + ",");
        return text;
    };
    const Received received = stream(
        {with(R"({"trafficType":"ON_DEMAND"})"),
         with(R"({"promptTokenCount":10,"toolUsePromptTokenCount":3,"candidatesTokenCount":2,)"
              R"("thoughtsTokenCount":5,"cachedContentTokenCount":4,"totalTokenCount":20,)"
              R"("promptTokensDetails":[{"modality":"AUDIO","tokenCount":6}]})"),
         with(R"({"trafficType":"ON_DEMAND"})")});
    EXPECT_EQ(received.usage.prompt_tokens, 13);
    EXPECT_EQ(received.usage.completion_tokens, 7);
    EXPECT_EQ(received.usage.total(), 20);
    EXPECT_EQ(received.usage.cached_tokens, 4);
    EXPECT_EQ(received.usage.reasoning_tokens, 5);
    EXPECT_EQ(received.usage.audio_prompt_tokens, 6);
}

TEST(GeminiReply, Choices) {
    const Received received = whole(
        R"({"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"},
            {"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"MAX_TOKENS"}]})");
    EXPECT_EQ(check(R"({"choices":[
            {"index":0,"message":{"content":"a"},"finish_reason":"stop"},
            {"index":1,"message":{"content":"b"},"finish_reason":"length"}]})",
                    received.text),
              "");
}

TEST(GeminiReply, LogProbabilities) {
    std::string body = event(R"({"text":"Hi"})", "STOP");
    body.insert(body.find(R"("content")"),
                R"("logprobsResult":{"chosenCandidates":[{"token":"Hi","tokenId":1,
                "logProbability":-0.25}],"topCandidates":[{"candidates":[{"token":"Hi",
                "logProbability":-0.25},{"token":"Yo","logProbability":-2}]}]},)");
    EXPECT_EQ(check(R"({"choices":[{"logprobs":{"content":[{"token":"Hi","logprob":-0.25,
            "top_logprobs":[{"token":"Hi","logprob":-0.25},{"token":"Yo","logprob":-2}]}]}}]})",
                    whole(body).text),
              "");
}

TEST(GeminiReply, Errors) {
    const std::string error =
        R"({"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}})";
    const Received first = stream({error});
    EXPECT_TRUE(first.failed);
    EXPECT_FALSE(first.started);
    EXPECT_EQ(first.error.status, 429);
    EXPECT_EQ(first.error.blame, Blame::throttle);
    const Received listed = stream({event(R"({"text":"t"})"), "[" + error + "]"});
    EXPECT_TRUE(listed.failed);
    EXPECT_TRUE(listed.started);
    EXPECT_EQ(aggregate_chat(listed.text, false).problem, "") << listed.text;
    EXPECT_EQ(whole(error).error.status, 429);
    EXPECT_TRUE(stream({event(R"({"text":"t"})"), "not JSON"}).failed);
}

TEST(GeminiReply, AListOfEventsIsReadToo) {
    const Received received =
        whole("[" + event(R"({"text":"a"})") + ",\n" + event(R"({"text":"b"})", "STOP") + "]");
    EXPECT_EQ(check(R"({"choices":[{"message":{"content":"ab"}}]})", received.text), "");
}

TEST(GeminiReply, WhatIsUnknownIsPassedOver) {
    const Received received = stream(
        {R"({"new":1})", event(R"({"executableCode":{"code":"x"}},{"text":"a"},{},7)", "STOP"),
         R"({"candidates":[{"index":4096,"content":{"parts":[{"text":"z"}]}}]})",
         R"({"candidates":7,"promptFeedback":{"safetyRatings":[]},"usageMetadata":[]})"});
    EXPECT_EQ(check(R"({"message":{"content":"a"},"finish_reason":"stop"})", aggregate(received)),
              "");
}

TEST(CompactText, EscapesOnceAndDropsSpaceOutsideOfStrings) {
    Arena arena;
    for (const std::string_view text :
         {"{}", R"({"a":"\\","b":"\"{ }\" \u00e9 é","c":[1,2]})", R"(["\\\"", "\/"])"}) {
        const json::Text inside = json::compact_text(text, arena);
        const auto back = json::unescape(inside.raw, arena);
        ASSERT_TRUE(back.has_value()) << inside.raw;
        const auto wanted = json::Value::parse(text, arena, ErrorSource::client);
        EXPECT_EQ(difference(**wanted, *back, Extras::refused), "") << *back;
    }
    EXPECT_EQ(json::compact_text("{ \"a b\" :\n1 }", arena).raw, R"({\"a b\":1})");
}

}  // namespace
}  // namespace sluice::providers::test
