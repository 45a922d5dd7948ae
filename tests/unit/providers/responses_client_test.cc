// Replies toward clients of the Responses API: recorded streams of other providers, read by a
// strict client at every split, and the rules that no recording shows.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "unit/providers/client_trial.h"
#include "unit/providers/responses_reader.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {

namespace {

using json::Value;

constexpr ReplyContext kContext = {.fallback_id = "0123", .requested_model = "asked"};

class ResponsesStreams : public testing::TestWithParam<std::string> {};

// What the recording says that a chat client sees, as far as a response can say it.
void check_against_recording(const VectorCase& exchange, const ResponseRead& seen) {
    const Value& aggregate = exchange["client_response"]["aggregate"];
    if (!aggregate["message"].is_object()) {
        return;
    }
    Arena arena;
    const Value& message = **Value::parse(seen.json, arena, ErrorSource::upstream);
    for (const std::string_view key : {"content", "reasoning_content", "tool_calls"}) {
        const Value& expected = aggregate["message"][key];
        if (!expected.is_nothing()) {
            EXPECT_EQ(difference(expected, message[key], Extras::allowed), "") << seen.json;
        }
    }
    const Value& finish = aggregate["finish_reason"];
    if (finish.is_string() && seen.status != "failed") {
        EXPECT_EQ(exchange.text(finish), message["finish_reason"].text().raw);
    }
    for (const std::string_view key : {"prompt_tokens", "completion_tokens", "total_tokens"}) {
        if (aggregate["usage"][key].is_number()) {
            EXPECT_EQ(aggregate["usage"][key].raw(), message["usage"][key].raw());
        }
    }
}

TEST_P(ResponsesStreams, AreWhatWasRecorded) {
    const VectorCase exchange(GetParam());
    const Vendor& vendor = stream_vendor(GetParam());
    const std::string text = receive_at_every_split(exchange, vendor, Dialect::responses);
    const std::string whole = whole_of_stream(exchange, vendor, Dialect::responses);
    if (text.empty()) {
        EXPECT_EQ(whole, "");
        return;
    }
    const ResponseRead seen = read_responses_stream(text);
    EXPECT_EQ(seen.problem, "") << text;
    check_against_recording(exchange, seen);
    EXPECT_EQ(seen.status == "failed", whole.empty()) << text;
    EXPECT_EQ(seen.status == "failed", !seen.error_code.empty()) << text;
    if (!whole.empty()) {
        const ResponseRead same = read_response(whole);
        EXPECT_EQ(same.problem, "") << whole;
        EXPECT_EQ(same.status, seen.status);
        Arena arena;
        const Value& expected = **Value::parse(same.json, arena, ErrorSource::upstream);
        EXPECT_EQ(difference(expected, seen.json, Extras::refused), "");
    }
}

INSTANTIATE_TEST_SUITE_P(Recorded,
                         ResponsesStreams,
                         testing::ValuesIn(stream_names()),
                         [](const auto& one) { return plain_name(one.param); });

// An encoder told things by hand through ReplyOrder.
class Told {
public:
    explicit Told(const ReplyContext& context = kContext)
        : context_(context),
          output_(text_),
          encoder_(
              client_dialect(Dialect::responses)->make_stream_encoder(context_, output_, arena_)),
          order_(encoder_, arena_) {}

    ReplyOrder& order() { return order_; }
    std::string finish(FinishReason reason = FinishReason::stop) {
        order_.finish(0, reason);
        order_.end();
        return read();
    }
    std::string read() {
        output_.finish();
        return text_;
    }

private:
    Arena arena_;
    ReplyContext context_;
    std::string text_;
    json::StringText output_;
    StreamEncoder& encoder_;
    ReplyOrder order_;
};

TEST(ResponsesStream, EveryRunIsAnItemOfItsOwn) {
    Told told;
    told.order().reasoning(0, {"R"});
    told.order().thinking_block(0, {.thinking = {"R"}, .signature = {"s"}});
    told.order().reasoning(0, {"S"});
    told.order().text(0, {"T"});
    told.order().text(0, {"U"});
    const uint32_t call = told.order().tool_call(0, {.id = {"call_1"}, .name = {"f"}});
    told.order().arguments(0, call, {R"({\"a\":1})"});
    told.order().text(0, {"V"});
    told.order().usage({.prompt_tokens = 3, .completion_tokens = 4});
    const std::string text = told.finish();
    const ResponseRead seen = read_responses_stream(text);
    EXPECT_EQ(seen.problem, "") << text;
    EXPECT_EQ(seen.json,
              R"({"content":"TUV","reasoning_content":"RS","tool_calls":[{"id":"call_1",)"
              R"("type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}],)"
              R"("finish_reason":"tool_calls","usage":{"prompt_tokens":3,"completion_tokens":4,)"
              R"("total_tokens":7}})");
    EXPECT_TRUE(text.contains(R"("id":"msg_0123_4")")) << text;
}

TEST(ResponsesStream, CallsWhoseArgumentsComeInTurnsKeepTheirPlaces) {
    Told told;
    const uint32_t one = told.order().tool_call(0, {.name = {"f"}});
    told.order().arguments(0, one, {R"({\"a\":)"});
    const uint32_t two = told.order().tool_call(0, {.name = {"g"}});
    told.order().arguments(0, two, {R"({\"b\":)"});
    told.order().arguments(0, one, {"1}"});
    told.order().text(0, {"between"});
    told.order().arguments(0, two, {"2}"});
    told.order().tool_call(0, {.name = {"h"}});
    const std::string text = told.finish();
    const ResponseRead seen = read_responses_stream(text);
    EXPECT_EQ(seen.problem, "") << text;
    EXPECT_TRUE(seen.json.contains(R"("name":"f","arguments":"{\"a\":1}")")) << seen.json;
    EXPECT_TRUE(seen.json.contains(R"("name":"g","arguments":"{\"b\":2}")")) << seen.json;
    EXPECT_TRUE(seen.json.contains(R"("name":"h","arguments":"{}")")) << seen.json;
}

TEST(ResponsesStream, ACutReplyIsIncomplete) {
    Told told;
    told.order().text(0, {"T"});
    const std::string text = told.finish(FinishReason::length);
    const ResponseRead seen = read_responses_stream(text);
    EXPECT_EQ(seen.problem, "") << text;
    EXPECT_EQ(seen.status, "incomplete");
    EXPECT_TRUE(text.contains(R"("incomplete_details":{"reason":"max_output_tokens"})")) << text;
    EXPECT_TRUE(text.contains(R"("type":"message","status":"incomplete")")) << text;
    Told filtered;
    filtered.order().refusal(0, {"no"});
    const std::string refusal = filtered.finish(FinishReason::content_filter);
    EXPECT_EQ(read_responses_stream(refusal).problem, "") << refusal;
    EXPECT_TRUE(refusal.contains(R"({"reason":"content_filter"})")) << refusal;
    EXPECT_TRUE(refusal.contains(R"({"type":"refusal","refusal":"no"})")) << refusal;
}

TEST(ResponsesStream, AFailureIsTheEnd) {
    Told told;
    told.order().start({.id = {"chatcmpl-1"}, .model = {"m"}});
    told.order().text(0, {"T"});
    told.order().error(truncated_stream());
    told.order().text(0, {"U"});
    const std::string text = told.finish();
    const ResponseRead seen = read_responses_stream(text);
    EXPECT_EQ(seen.problem, "") << text;
    EXPECT_EQ(seen.status, "failed");
    EXPECT_EQ(seen.error_code, "stream_truncated");
    EXPECT_TRUE(text.contains(R"("error":{"code":"stream_truncated","message":)")) << text;
    EXPECT_FALSE(text.contains("response.completed")) << text;
}

// The choices that were finished before the failure have been told; the response fails all the
// same.
TEST(ResponsesStream, AFailureAfterTheFinishIsAFailure) {
    Told told;
    told.order().text(0, {"T"});
    told.order().finish(0, FinishReason::length);
    told.order().error(truncated_stream());
    const std::string text = told.read();
    const ResponseRead seen = read_responses_stream(text);
    EXPECT_EQ(seen.problem, "") << text;
    EXPECT_EQ(seen.status, "failed");
}

TEST(ResponsesStream, AFailureBeforeTheStartIsAnErrorEvent) {
    std::string text;
    {
        json::StringText output(text);
        client_dialect(Dialect::responses)->encode_error_event(truncated_stream(), "req", output);
    }
    const ResponseRead seen = read_responses_stream(text);
    EXPECT_EQ(seen.problem, "") << text;
    EXPECT_EQ(seen.error_code, "stream_truncated");
}

TEST(ResponsesStream, OneChoiceIsAll) {
    Told told;
    told.order().text(0, {"T"});
    told.order().text(1, {"other"});
    const std::string text = told.finish();
    EXPECT_EQ(read_responses_stream(text).problem, "") << text;
    EXPECT_FALSE(text.contains("other")) << text;
}

TEST(ResponsesStream, AnEmptyReplyIsWhole) {
    Told told;
    const ResponseRead seen = read_responses_stream(told.finish());
    EXPECT_EQ(seen.problem, "");
    EXPECT_EQ(seen.status, "completed");
}

TEST(ResponsesStream, TheRequestIsRepeated) {
    Told told({.fallback_id = "0123", .requested_model = "a\"b", .echo = R"("top_p":0.5)"});
    const std::string text = told.finish();
    EXPECT_EQ(read_responses_stream(text).problem, "") << text;
    EXPECT_TRUE(text.contains(R"("model":"a\"b","output":[],"top_p":0.5,"usage":null)")) << text;
}

// A stream that grows without end must not grow here.
TEST(ResponsesStream, SaysWhatItKeeps) {
    Arena arena;
    std::string text;
    json::StringText output(text);
    StreamEncoder& encoder =
        client_dialect(Dialect::responses)->make_stream_encoder(kContext, output, arena);
    encoder.on_start({});
    encoder.on_text(0, {"12345"});
    const uint64_t before = encoder.kept_bytes();
    encoder.on_text(0, {"12345"});
    EXPECT_EQ(encoder.kept_bytes(), before + 5);
}

TEST(ResponsesReply, AWholeObject) {
    Arena arena;
    const ReplyToolCall call = {.start = {.id = {"call_1"}, .name = {"f"}}, .arguments = {"{}"}};
    const ReplyChoice choice = {.text = {"T"},
                                .has_text = true,
                                .reasoning = {"R"},
                                .tool_calls = {&call, 1},
                                .finish = FinishReason::tool_calls};
    const Reply reply = {.start = {.id = {"resp_9"}, .model = {"m"}, .created_s = 5},
                         .choices = {&choice, 1},
                         .usage = {.prompt_tokens = 10,
                                   .completion_tokens = 6,
                                   .cached_tokens = 2,
                                   .reasoning_tokens = 4}};
    std::string text;
    {
        json::StringText output(text);
        client_dialect(Dialect::responses)->encode_reply(reply, kContext, output, arena);
    }
    EXPECT_EQ(
        text,
        R"({"id":"resp_9","object":"response","created_at":5,"status":"completed",)"
        R"("background":false,"error":null,"incomplete_details":null,"model":"m","output":[)"
        R"({"id":"rs_9_0","type":"reasoning","status":"completed","summary":[)"
        R"({"type":"summary_text","text":"R"}]},{"id":"msg_9_1","type":"message",)"
        R"("status":"completed","role":"assistant","content":[{"type":"output_text",)"
        R"("annotations":[],"logprobs":[],"text":"T"}]},{"id":"fc_9_2","type":"function_call",)"
        R"("status":"completed","call_id":"call_1","name":"f","arguments":"{}"}],"usage":{)"
        R"("input_tokens":10,"input_tokens_details":{"cached_tokens":2},"output_tokens":6,)"
        R"("output_tokens_details":{"reasoning_tokens":4},"total_tokens":16}})");
}

}  // namespace

}  // namespace sluice::providers::test
