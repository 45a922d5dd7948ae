// Replies toward Anthropic's clients, and from Anthropic: what the recorded exchanges do not show.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "json/writer.h"
#include "providers/arguments_scan.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/transcoder.h"
#include "providers/vendor.h"
#include "unit/providers/vector_aggregate.h"

namespace sluice::providers::test {
namespace {

constexpr ReplyContext kContext = {.fallback_id = "0123", .requested_model = "asked"};

const UpstreamDialect& messages_upstream() {
    return *upstream_dialect(Dialect::messages);
}

Target target_of(std::string_view model = "claude-haiku-4-5") {
    return {.vendor = find_vendor("anthropic"), .model = model, .is_stream = true};
}

std::string count_of(std::string_view text, std::string_view piece) {
    size_t count = 0;
    for (size_t at = text.find(piece); at != text.npos; at = text.find(piece, at + 1)) {
        ++count;
    }
    return std::to_string(count);
}

// An encoder of an Anthropic client's stream, told things by hand through ReplyOrder.
class Told {
public:
    Told() : output_(text_) {}

    ReplyOrder& order() { return order_; }
    std::string finish() {
        order_.finish(0, FinishReason::stop);
        order_.complete();
        order_.end();
        return read();
    }
    std::string read() {
        output_.finish();
        return text_;
    }

private:
    Arena arena_;
    std::string text_;
    json::StringText output_;
    StreamEncoder& encoder_ =
        client_dialect(Dialect::messages)->make_stream_encoder(kContext, output_, arena_);
    ReplyOrder order_{encoder_, arena_};
};

// Two calls whose arguments come in turns, cut at `first` and `second`.
std::string interleaved(size_t first, size_t second) {
    constexpr std::string_view kOne = R"({\"city\":\"Pa{ris\\\"\"})";
    constexpr std::string_view kTwo = R"({\"city\":[\"Rome\",{}]})";
    Told told;
    const uint32_t one = told.order().tool_call(0, {.id = {"call_1"}, .name = {"f"}});
    told.order().arguments(0, one, {kOne.substr(0, first)});
    const uint32_t two = told.order().tool_call(0, {.id = {"call_2"}, .name = {"g"}});
    told.order().arguments(0, two, {kTwo.substr(0, second)});
    told.order().text(0, {"between"});
    told.order().arguments(0, one, {kOne.substr(first)});
    told.order().arguments(0, two, {kTwo.substr(second)});
    told.order().text(0, {" and after"});
    return told.finish();
}

// Not inside an escape: decoders never cut one.
bool may_cut(std::string_view text, size_t at) {
    size_t backslashes = 0;
    while (backslashes < at && text[at - 1 - backslashes] == '\\') {
        ++backslashes;
    }
    return backslashes % 2 == 0;
}

TEST(MessagesStream, InterleavedCallsComeOneAfterTheOtherAtEverySplit) {
    constexpr std::string_view kOne = R"({\"city\":\"Pa{ris\\\"\"})";
    constexpr std::string_view kTwo = R"({\"city\":[\"Rome\",{}]})";
    for (size_t first = 0; first <= kOne.size(); ++first) {
        for (size_t second = 0; second <= kTwo.size(); ++second) {
            if (!may_cut(kOne, first) || !may_cut(kTwo, second)) {
                continue;
            }
            const std::string text = interleaved(first, second);
            const Aggregate seen = aggregate_messages(text, true);
            ASSERT_EQ(seen.problem, "") << text;
            ASSERT_TRUE(
                seen.json.contains(R"("id":"call_1","name":"f","input":{"city":"Pa{ris\""})"))
                << first << " " << second << "\n"
                << text;
            ASSERT_TRUE(
                seen.json.contains(R"("id":"call_2","name":"g","input":{"city":["Rome",{}]})"))
                << first << " " << second << "\n"
                << text;
            ASSERT_TRUE(seen.json.contains(R"("text":"between)")) << text;
            ASSERT_EQ(count_of(text, "event: message_start"), "1");
        }
    }
}

TEST(MessagesStream, TheFirstEventIsTheStartWhateverComesFirst) {
    Told told;
    told.order().start({.id = {"chatcmpl-1"}, .model = {"m"}});
    told.order().tool_call(0, {.id = {"c"}, .name = {"f"}});
    const std::string text = told.finish();
    EXPECT_TRUE(
        text.starts_with("event: message_start\ndata: {\"type\":\"message_start\","
                         "\"message\":{\"id\":\"msg_chatcmpl-1\""))
        << text;
    const Aggregate seen = aggregate_messages(text, true);
    EXPECT_EQ(seen.problem, "");
    EXPECT_TRUE(seen.json.contains(R"("input":{}}],"stop_reason":"tool_use")")) << seen.json;
}

TEST(MessagesStream, AnEmptyReplyIsWhole) {
    Told told;
    const std::string text = told.finish();
    const Aggregate seen = aggregate_messages(text, true);
    EXPECT_EQ(seen.problem, "");
    EXPECT_TRUE(seen.json.starts_with(R"({"content":[],"stop_reason":"end_turn")")) << seen.json;
    EXPECT_TRUE(text.contains(R"("model":"asked")")) << text;
}

TEST(MessagesStream, BlocksFollowTheKindOfWhatIsSaid) {
    Told told;
    told.order().reasoning(0, {"R"});
    told.order().text(0, {"T"});
    const uint32_t call = told.order().tool_call(0, {.id = {"c"}, .name = {"f"}});
    told.order().arguments(0, call, {"{}"});
    told.order().text(0, {"U"});
    const Aggregate seen = aggregate_messages(told.finish(), true);
    EXPECT_EQ(seen.problem, "");
    EXPECT_TRUE(seen.json.starts_with(
        R"({"content":[{"type":"thinking","thinking":"R","signature":""},)"
        R"({"type":"text","text":"T"},{"type":"tool_use","id":"c","name":"f","input":{}},)"
        R"({"type":"text","text":"U"}],"stop_reason":"tool_use")"))
        << seen.json;
}

TEST(MessagesStream, RefusalsAreTextsWithAReason) {
    Told told;
    told.order().refusal(0, {"no"});
    const Aggregate seen = aggregate_messages(told.finish(), true);
    EXPECT_TRUE(seen.json.starts_with(
        R"({"content":[{"type":"text","text":"no"}],"stop_reason":"refusal")"))
        << seen.json;
}

TEST(MessagesStream, NothingComesAfterAnError) {
    Told told;
    told.order().text(0, {"T"});
    told.order().error(truncated_stream());
    told.order().text(0, {"U"});
    const std::string text = told.finish();
    EXPECT_EQ(aggregate_messages(text, false).problem, "") << text;
    EXPECT_TRUE(text.ends_with("}\n\n")) << text;
    EXPECT_TRUE(
        text.contains("event: error\ndata: {\"type\":\"error\",\"error\":"
                      "{\"type\":\"api_error\""))
        << text;
}

// From Anthropic to an Anthropic client by the canonical form, or to another.
std::string transcode(std::string_view stream, Dialect client, std::string_view model) {
    Arena arena;
    std::string text;
    json::StringText output(text);
    const Target target = target_of(model);
    StreamTranscoder transcoder(*client_dialect(client), messages_upstream(), target, kContext,
                                output, arena);
    transcoder.feed(stream);
    transcoder.end();
    output.finish();
    return text;
}

std::string event(std::string_view json) {
    return "data: " + std::string(json) + "\n\n";
}

std::string with_blocks(std::string_view blocks, std::string_view reason = "end_turn") {
    return event(R"({"type":"message_start","message":{"id":"msg_1","model":"m","usage":{}}})") +
           std::string(blocks) +
           event(R"({"type":"message_delta","delta":{"stop_reason":")" + std::string(reason) +
                 R"("},"usage":{"input_tokens":5,"output_tokens":2}})") +
           event(R"({"type":"message_stop"})");
}

TEST(MessagesReply, ThinkingKeepsItsSignaturesAndRedactedBlocks) {
    const std::string stream = with_blocks(
        event(R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking",)"
              R"("thinking":"","signature":""}})") +
        event(R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta",)"
              R"("thinking":"a \u00e9"}})") +
        event(R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta",)"
              R"("thinking":"\n\"b\""}})") +
        event(R"({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta",)"
              R"("signature":"c2ln+/="}})") +
        event(R"({"type":"content_block_stop","index":0})") +
        event(R"({"type":"content_block_start","index":1,)"
              R"("content_block":{"type":"redacted_thinking","data":"ZGF0YQ=="}})") +
        event(R"({"type":"content_block_stop","index":1})") +
        event(R"({"type":"content_block_start","index":2,"content_block":{"type":"thinking",)"
              R"("thinking":"","signature":""}})") +
        event(R"({"type":"content_block_delta","index":2,"delta":{"type":"signature_delta",)"
              R"("signature":"b21pdHRlZA=="}})") +
        event(R"({"type":"content_block_stop","index":2})"));
    const Aggregate same =
        aggregate_messages(transcode(stream, Dialect::messages, "claude-haiku-4-5"), true);
    EXPECT_EQ(same.problem, "");
    EXPECT_TRUE(same.json.starts_with(
        R"({"content":[{"type":"thinking","thinking":"a \u00e9\n\"b\"","signature":"c2ln+/="},)"
        R"({"type":"redacted_thinking","data":"ZGF0YQ=="},)"
        R"({"type":"thinking","thinking":"","signature":"b21pdHRlZA=="}],)"))
        << same.json;
    const Aggregate chat =
        aggregate_chat(transcode(stream, Dialect::chat, "claude-haiku-4-5"), true);
    EXPECT_EQ(chat.problem, "");
    EXPECT_TRUE(
        chat.json.contains(R"("thinking_blocks":[{"type":"thinking","thinking":"a \u00e9\n\"b\"",)"
                           R"("signature":"c2ln+/="},)"
                           R"({"type":"redacted_thinking","data":"ZGF0YQ=="},)"
                           R"({"type":"thinking","thinking":"","signature":"b21pdHRlZA=="}])"))
        << chat.json;
}

std::string json_tool(std::string_view name, std::string_view arguments) {
    return event(R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use",)"
                 R"("id":"t","name":")" +
                 std::string(name) + R"(","input":{}}})") +
           event(R"({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta",)"
                 R"("partial_json":")" +
                 std::string(arguments) + R"("}})") +
           event(R"({"type":"content_block_stop","index":0})");
}

TEST(MessagesReply, TheToolThatStandsForJsonIsTheContent) {
    const std::string plain =
        transcode(with_blocks(json_tool("sluice_json_response", R"({\"a\":1})"), "tool_use"),
                  Dialect::chat, "claude-3-haiku");
    const Aggregate seen = aggregate_chat(plain, true);
    EXPECT_EQ(seen.problem, "");
    EXPECT_TRUE(seen.json.contains(R"("content":"{\"a\":1}")")) << seen.json;
    EXPECT_TRUE(seen.json.contains(R"("finish_reason":"stop")")) << seen.json;
    EXPECT_FALSE(seen.json.contains("tool_calls")) << seen.json;
    const std::string wrapped = transcode(
        with_blocks(json_tool("sluice_json_response_value", R"({\"value\": [\"x\"]})"), "tool_use"),
        Dialect::chat, "claude-3-haiku");
    EXPECT_TRUE(aggregate_chat(wrapped, true).json.contains(R"("content":"[\"x\"]")")) << wrapped;
}

TEST(MessagesReply, AStreamWithoutMessageStopIsCut) {
    std::string stream = with_blocks(event(
        R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"A"}})"));
    stream.resize(stream.find(R"(data: {"type":"message_stop"})"));
    const std::string text = transcode(stream, Dialect::chat, "claude-haiku-4-5");
    EXPECT_EQ(aggregate_chat(text, false).problem, "") << text;
    EXPECT_TRUE(text.contains("stream_truncated")) << text;
}

TEST(MessagesReply, BadJsonInAnEventFailsTheReply) {
    const std::string text = transcode(
        event(R"({"type":"content_block_start","content_block":{"type":"text","text":"A"}})") +
            event("{oops"),
        Dialect::messages, "claude-haiku-4-5");
    EXPECT_EQ(aggregate_messages(text, false).problem, "") << text;
}

// A whole reply of Anthropic to an Anthropic client.
bool whole(std::string_view body, std::string& text, ProviderError& failure, Arena& arena) {
    json::StringText output(text);
    Usage usage;
    const Target target = target_of();
    return transcode_whole(*client_dialect(Dialect::messages), messages_upstream(), target,
                           kContext, body, output, arena, usage, failure);
}

TEST(MessagesReply, WholeRepliesComeThrough) {
    Arena arena;
    std::string text;
    ProviderError failure;
    ASSERT_TRUE(whole(
        R"({"id":"msg_1","type":"message","model":"m","content":[{"type":"thinking",)"
        R"("thinking":"T",)"
        R"("signature":"s"},{"type":"text","text":"A"},{"type":"text","text":"B"},)"
        R"({"type":"tool_use","id":"t","name":"f","input":{ "a": 1 }}],"stop_reason":"tool_use",)"
        R"("usage":{"input_tokens":7,"cache_read_input_tokens":3,"output_tokens":9}})",
        text, failure, arena));
    EXPECT_EQ(text,
              R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[)"
              R"({"type":"thinking","thinking":"T","signature":"s"},{"type":"text","text":"AB"},)"
              R"({"type":"tool_use","id":"t","name":"f","input":{"a":1}}],)"
              R"("stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":7,)"
              R"("cache_creation_input_tokens":0,"cache_read_input_tokens":3,"output_tokens":9}})");
}

TEST(MessagesReply, BodiesThatAreNoMessage) {
    Arena arena;
    std::string text;
    ProviderError failure;
    EXPECT_FALSE(whole(R"({"type":"error","error":{"type":"overloaded_error","message":"x"}})",
                       text, failure, arena));
    EXPECT_EQ(failure.status, 503);
    EXPECT_FALSE(whole(R"({"id":"msg_1"})", text, failure, arena));
    EXPECT_EQ(failure.code, "upstream_invalid_response");
}

Reply reply_with(const std::string_view arguments, FinishReason finish, Arena& arena) {
    const std::span<ReplyToolCall> calls = arena.allocate_array<ReplyToolCall>(1);
    calls[0] = {.start = {.id = {"c"}, .name = {"f"}}, .arguments = {arguments}};
    const std::span<ReplyChoice> choices = arena.allocate_array<ReplyChoice>(1);
    choices[0] = {.tool_calls = calls, .finish = finish};
    return {.choices = choices};
}

TEST(MessagesReply, ArgumentsThatAreNoObject) {
    Arena arena;
    const ClientDialect& client = *client_dialect(Dialect::messages);
    EXPECT_FALSE(
        client.check_reply(reply_with(R"({\"a\":)", FinishReason::tool_calls, arena), arena));
    const Reply cut = reply_with(R"({\"a\":)", FinishReason::length, arena);
    EXPECT_TRUE(client.check_reply(cut, arena));
    json::ArenaText output(arena);
    client.encode_reply(cut, kContext, output, arena);
    EXPECT_TRUE(output.view().contains(R"("input":{}}],"stop_reason":"max_tokens")"))
        << output.view();
}

TEST(MessagesReply, ToolsGetTheirLongNamesBack) {
    Arena arena;
    const RenamedTool renamed[] = {{.name = {"long"}, .sent = {"f"}}};
    ReplyContext context = kContext;
    context.renamed_tools = renamed;
    json::ArenaText output(arena);
    const Reply reply = reply_with("{}", FinishReason::tool_calls, arena);
    client_dialect(Dialect::messages)->encode_reply(reply, context, output, arena);
    EXPECT_TRUE(output.view().contains(R"("name":"long")")) << output.view();
}

TEST(MessagesError, ContextOverflowIsSaidInAnthropicsWords) {
    Arena arena;
    json::ArenaText output(arena);
    const ProviderError error = {.status = 400,
                                 .message = "maximum context length is 8192 tokens",
                                 .refusal = Refusal::context_length};
    client_dialect(Dialect::messages)->encode_error(error, "req_1", output);
    EXPECT_EQ(output.view(), R"({"type":"error","error":{"type":"invalid_request_error","message":)"
                             R"("prompt is too long: maximum context length is 8192 tokens"},)"
                             R"("request_id":"req_1"})");
}

TEST(ArgumentsScan, SeesBracketsThroughBothLevelsOfEscapes) {
    const auto is_complete = [](std::string_view fragment) {
        ArgumentsScan scan;
        scan.feed({fragment});
        return scan.is_complete();
    };
    EXPECT_TRUE(is_complete(R"({\"a\":\"}\"})"));
    EXPECT_FALSE(is_complete(R"({\"a\":\"}\")"));
    EXPECT_TRUE(is_complete(R"({\"a\":\"\\\"}\"})"));
    EXPECT_FALSE(is_complete(R"({\"a\":\"\\\\\",\"b\":\"}\")"));
    EXPECT_TRUE(is_complete(R"(\u007b\u0022a\u0022:\u0022\\\u0022}\u0022\u007D)"));
    EXPECT_FALSE(is_complete(R"({\"a\":[{}])"));
    EXPECT_FALSE(is_complete(""));
}

}  // namespace
}  // namespace sluice::providers::test
