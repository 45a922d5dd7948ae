// Conversations in OpenTelemetry's published form, from the bodies of clients and of replies.
#include "providers/semantic_messages.h"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/reply.h"
#include "providers/transcoder.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

std::string input(Dialect dialect, std::string_view body) {
    Arena arena;
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    EXPECT_TRUE(tree) << body;
    Translation translation(arena);
    const auto request = client_dialect(dialect)->decode_request(**tree, translation);
    EXPECT_TRUE(request) << translation.refused_message();
    std::string text;
    if (request) {
        json::StringText output(text);
        write_input_messages(**request, output);
    }
    return text;
}

std::string output(Dialect dialect, std::string_view body, bool is_stream) {
    Arena arena;
    const std::optional<Reply> reply =
        read_reply(*upstream_dialect(dialect), body, is_stream, arena);
    std::string text;
    if (reply) {
        json::StringText to(text);
        write_output_messages(*reply, to);
    }
    return text;
}

TEST(SemanticMessages, OfAConversationWithATool) {
    EXPECT_EQ(
        input(Dialect::chat,
              R"({"model":"m","messages":[{"role":"developer","content":"Be \"brief\"\n"},)"
              R"({"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[)"
              R"({"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},)"
              R"({"role":"tool","tool_call_id":"c1","content":"42"}]})"),
        R"([{"role":"system","parts":[{"type":"text","content":"Be \"brief\"\n"}]},)"
        R"({"role":"user","parts":[{"type":"text","content":"Hi"}]},)"
        R"({"role":"assistant","parts":)"
        R"([{"type":"tool_call","id":"c1","name":"f","arguments":{"a":1}}]},)"
        R"({"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"42"}]}])");
}

TEST(SemanticMessages, OfFiles) {
    EXPECT_EQ(input(Dialect::chat,
                    R"({"model":"m","messages":[{"role":"user","content":[)"
                    R"({"type":"text","text":"See"},)"
                    R"({"type":"image_url","image_url":{"url":"https://a.example/b.png"}},)"
                    R"({"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}]})"),
              R"([{"role":"user","parts":[{"type":"text","content":"See"},)"
              R"({"type":"uri","modality":"image","uri":"https://a.example/b.png"},)"
              R"({"type":"blob","modality":"image","mime_type":"image/png","content":"aGk="}]}])");
}

TEST(SemanticMessages, OfOtherClients) {
    EXPECT_EQ(
        input(Dialect::messages, R"({"model":"m","max_tokens":9,"system":"Be brief","messages":[)"
                                 R"({"role":"user","content":"Hi"}]})"),
        R"([{"role":"system","parts":[{"type":"text","content":"Be brief"}]},)"
        R"({"role":"user","parts":[{"type":"text","content":"Hi"}]}])");
    EXPECT_EQ(input(Dialect::responses, R"({"model":"m","input":"Hi"})"),
              R"([{"role":"user","parts":[{"type":"text","content":"Hi"}]}])");
}

// What is signed comes a second time, as it was signed.
TEST(SemanticMessages, OfReasoningOnce) {
    constexpr std::string_view kOnce =
        R"([{"role":"user","parts":[{"type":"text","content":"Hi"}]},)"
        R"({"role":"assistant","parts":[{"type":"reasoning","content":"T"},)"
        R"({"type":"text","content":"A"}]}])";
    EXPECT_EQ(input(Dialect::messages,
                    R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"},)"
                    R"({"role":"assistant","content":[)"
                    R"({"type":"thinking","thinking":"T","signature":"S"},)"
                    R"({"type":"text","text":"A"}]}]})"),
              kOnce);
    const auto chat = [](std::string_view reasoning) {
        return input(Dialect::chat, R"({"model":"m","messages":[{"role":"user","content":"Hi"},)"
                                    R"({"role":"assistant","content":"A",)" +
                                        std::string(reasoning) + "}]}");
    };
    const std::string blocks =
        R"("thinking_blocks":[{"type":"thinking","thinking":"T","signature":"S"}])";
    EXPECT_EQ(chat(R"("reasoning_content":"T")"), kOnce);
    EXPECT_EQ(chat(blocks), kOnce);
    EXPECT_EQ(chat(R"("reasoning_content":"T",)" + blocks), kOnce);
}

TEST(SemanticMessages, OfReplies) {
    EXPECT_EQ(output(Dialect::chat,
                     R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[)"
                     R"({"index":0,"message":{"role":"assistant","content":"a\"b"},)"
                     R"("finish_reason":"length"},{"index":1,"message":{"role":"assistant",)"
                     R"("content":null,"tool_calls":[{"id":"c1","type":"function","function":)"
                     R"({"name":"f","arguments":"{\"a\":"}}]},"finish_reason":"tool_calls"}]})",
                     false),
              R"([{"role":"assistant","parts":[{"type":"text","content":"a\"b"}],)"
              R"("finish_reason":"length"},{"role":"assistant","parts":)"
              R"([{"type":"tool_call","id":"c1","name":"f","arguments":"{\"a\":"}],)"
              R"("finish_reason":"tool_call"}])");
}

constexpr std::string_view kStream =
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Good \"},"
    "\"finish_reason\":null}]}\n\n"
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"day\"},\"finish_reason\":\"stop\"}]}\n\n"
    "data: [DONE]\n\n";

TEST(SemanticMessages, OfAStreamThatIsWhole) {
    EXPECT_EQ(output(Dialect::chat, kStream, true),
              R"([{"role":"assistant","parts":[{"type":"text","content":"Good day"}],)"
              R"("finish_reason":"stop"}])");
    const std::string_view first = kStream.substr(0, kStream.find("\n\n") + 2);
    EXPECT_EQ(output(Dialect::chat, first, true), "");
}

TEST(SemanticMessages, OfWhatIsNoReply) {
    EXPECT_EQ(output(Dialect::chat, R"({"error":{"message":"no"}})", false), "");
    EXPECT_EQ(output(Dialect::chat, "nonsense", false), "");
    EXPECT_EQ(output(Dialect::messages, R"({"type":"error"})", false), "");
}

}  // namespace

}  // namespace sluice::providers
