// Clients of OpenAI's legacy completions toward vendors that have chat only.
#include <cstdint>
#include <map>
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
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {

namespace {

using json::Value;

// What a strict client makes of a stream.
struct Read {
    std::string problem;
    std::map<int64_t, std::string> texts;
    std::map<int64_t, std::string> finishes;
    std::string usage;
    bool is_done = false;
    bool has_error = false;
};

class Reader {
public:
    Read read;

    void take(const WireEvent& event) {
        check(!read.is_done && !read.has_error, "something comes after the end");
        check(event.name == "message", "events have no names here");
        if (event.data == "[DONE]") {
            read.is_done = true;
            return;
        }
        const auto tree = Value::parse(arena_.copy(event.data), arena_, ErrorSource::upstream);
        if (!tree) {
            check(false, "not JSON: " + event.data);
            return;
        }
        const Value& chunk = **tree;
        if (chunk["error"].is_object()) {
            read.has_error = true;
            return;
        }
        check(chunk["object"].text() == "text_completion" && chunk["created"].is_number() &&
                  chunk["model"].is_string(),
              "a bad chunk");
        check(chunk["id"].text().raw.starts_with("cmpl-"), "a bad id");
        check(id_.empty() || chunk["id"].raw() == id_, "another id");
        id_ = chunk["id"].raw();
        if (chunk["usage"].is_object()) {
            check(read.usage.empty() && chunk["choices"].size() == 0, "a bad usage chunk");
            read.usage = chunk["usage"].raw();
            return;
        }
        check(chunk["choices"].size() == 1 && read.usage.empty(), "not one choice");
        take_choice(*chunk["choices"].begin());
    }

private:
    void check(bool is_right, const std::string& what) {
        if (!is_right && read.problem.empty()) {
            read.problem = what;
        }
    }

    void take_choice(const Value& choice) {
        const int64_t index = choice["index"].integer().value_or(-1);
        check(!read.finishes.contains(index), "a choice goes on after its end");
        check(choice["text"].is_string() && choice["logprobs"].type() == json::ValueType::null,
              "a bad choice");
        read.texts[index] += choice["text"].text().raw;
        if (choice["finish_reason"].is_string()) {
            read.finishes[index] = choice["finish_reason"].text().raw;
        }
    }

    Arena arena_;
    std::string id_;
};

Read read_stream(std::string_view text) {
    Reader reader;
    for (const WireEvent& event : wire_events(text)) {
        reader.take(event);
    }
    return reader.read;
}

class CompletionsStreams : public testing::TestWithParam<std::string> {};

TEST_P(CompletionsStreams, AreWhatWasRecorded) {
    const VectorCase exchange(GetParam());
    const Vendor& vendor = stream_vendor(GetParam());
    const std::string text = receive_at_every_split(exchange, vendor, Dialect::completions);
    const std::string whole = whole_of_stream(exchange, vendor, Dialect::completions);
    if (text.empty()) {
        EXPECT_EQ(whole, "");
        return;
    }
    const Read read = read_stream(text);
    EXPECT_EQ(read.problem, "") << text;
    EXPECT_EQ(read.is_done, !read.has_error) << text;
    EXPECT_EQ(read.has_error, whole.empty());
    const Value& body = exchange["client_request"]["body"];
    const bool asks = body["stream_options"]["include_usage"].is_true();
    if (whole.empty()) {
        return;
    }
    Arena arena;
    const auto tree = Value::parse(whole, arena, ErrorSource::upstream);
    ASSERT_TRUE(tree.has_value()) << whole;
    EXPECT_EQ(read.usage, asks ? (**tree)["usage"].raw() : "") << text;
    EXPECT_EQ((**tree)["choices"].size(), read.texts.size());
    for (const Value& choice : (**tree)["choices"]) {
        const int64_t index = choice["index"].integer().value_or(-1);
        EXPECT_EQ(choice["text"].text().raw, read.texts.at(index));
        EXPECT_EQ(choice["finish_reason"].text().raw, read.finishes.at(index));
    }
    const Value& content = exchange["client_response"]["aggregate"]["message"]["content"];
    if (content.is_string()) {
        EXPECT_EQ(
            difference(
                content,
                *Value::parse("\"" + read.texts.at(0) + "\"", arena, ErrorSource::upstream).value(),
                Extras::allowed),
            "");
    }
}

INSTANTIATE_TEST_SUITE_P(Recorded,
                         CompletionsStreams,
                         testing::ValuesIn(stream_names()),
                         [](const auto& one) { return plain_name(one.param); });

ClientTrial sent(std::string_view members, std::string_view vendor = "groq") {
    return translate_for(Dialect::completions, vendor,
                         R"({"model":"x",)" + std::string(members) + "}");
}

TEST(CompletionsRequest, APromptIsAMessage) {
    constexpr std::string_view kExpected =
        R"({"model":"m","messages":[{"role":"user","content":"Say \"hi\""}],)"
        R"("max_completion_tokens":16})";
    EXPECT_EQ(sent(R"("prompt":"Say \"hi\"")").difference(kExpected), "");
    EXPECT_EQ(sent(R"("prompt":["Say \"hi\""],"echo":false,"suffix":null,"best_of":1,)"
                   R"("logprobs":null)")
                  .difference(kExpected),
              "");
}

TEST(CompletionsRequest, Options) {
    EXPECT_EQ(sent(R"("prompt":"P","max_tokens":5,"temperature":0.10,"top_p":0.5,"n":2,)"
                   R"("best_of":2,"presence_penalty":1,"frequency_penalty":-1,"seed":7,)"
                   R"("logit_bias":{"5":-100},"user":"u","stop":["a","b"],"stream":true,)"
                   R"("stream_options":{"include_usage":true})",
                   "openai")
                  .difference(R"({"model":"m","messages":[{"role":"user","content":"P"}],)"
                              R"("max_completion_tokens":5,"temperature":0.10,"top_p":0.5,"n":2,)"
                              R"("presence_penalty":1,"frequency_penalty":-1,"seed":7,)"
                              R"("logit_bias":{"5":-100},"user":"u","stop":["a","b"],)"
                              R"("stream":true,"stream_options":{"include_usage":true}})"),
              "");
}

TEST(CompletionsRequest, MembersOfChatDoNotGetInByChance) {
    const ClientTrial trial =
        sent(R"("prompt":"P","messages":[],"tools":[],"mine":1)", "openai_compatible");
    EXPECT_EQ(trial.difference(R"({"model":"m","messages":[{"role":"user","content":"P"}],)"
                               R"("max_tokens":16,"mine":1})"),
              "");
    EXPECT_EQ(trial.dropped, "messages tools");
}

TEST(CompletionsRequest, WhatCannotBeTranslatedIsRefusedByName) {
    constexpr std::string_view kCases[][2] = {
        {R"("prompt":["a","b"])", "prompt unsupported_parameter"},
        {R"("prompt":[1,2])", "prompt unsupported_parameter"},
        {R"("prompt":[[1,2]])", "prompt unsupported_parameter"},
        {R"("prompt":[])", "prompt "},
        {R"("prompt":7)", "prompt "},
        {R"("max_tokens":7)", "prompt "},
        {R"("prompt":"P","echo":true)", "echo unsupported_parameter"},
        {R"("prompt":"P","suffix":"S")", "suffix unsupported_parameter"},
        {R"("prompt":"P","best_of":2)", "best_of unsupported_parameter"},
        {R"("prompt":"P","logprobs":0)", "logprobs unsupported_parameter"},
        {R"("prompt":"P","temperature":"x")", "temperature "},
        {R"("prompt":"P","n":2)", "n unsupported_parameter"},
    };
    for (const auto& [members, refusal] : kCases) {
        EXPECT_EQ(sent(members).refusal, refusal) << members;
    }
}

TEST(CompletionsReply, AWholeObject) {
    Arena arena;
    const ReplyChoice choices[] = {
        {.text = {"A"}, .has_text = true, .reasoning = {"R"}, .finish = FinishReason::length},
        {.refusal = {"no"}, .finish = FinishReason::stop}};
    const Reply reply = {.start = {.id = {"chatcmpl-9"}, .model = {"m"}, .created_s = 5},
                         .choices = choices,
                         .usage = {.prompt_tokens = 1, .completion_tokens = 2}};
    std::string text;
    {
        json::StringText output(text);
        client_dialect(Dialect::completions)->encode_reply(reply, {}, output, arena);
    }
    EXPECT_EQ(text,
              R"({"id":"cmpl-9","object":"text_completion","created":5,"model":"m","choices":[)"
              R"({"index":0,"text":"A","logprobs":null,"finish_reason":"length"},)"
              R"({"index":1,"text":"no","logprobs":null,"finish_reason":"stop"}],)"
              R"("usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})");
}

TEST(CompletionsReply, NothingComesAfterAnError) {
    Arena arena;
    std::string text;
    {
        json::StringText output(text);
        const ReplyContext context = {.fallback_id = "0123", .requested_model = "asked"};
        StreamEncoder& encoder =
            client_dialect(Dialect::completions)->make_stream_encoder(context, output, arena);
        ReplyOrder order(encoder, arena);
        order.text(0, {"A"});
        order.error(truncated_stream());
        order.text(0, {"B"});
        order.end();
    }
    const Read read = read_stream(text);
    EXPECT_EQ(read.problem, "") << text;
    EXPECT_TRUE(read.has_error) << text;
    EXPECT_TRUE(text.contains("stream_truncated")) << text;
}

}  // namespace

}  // namespace sluice::providers::test
