// What a trace learns from a reply that passes, and which replies it must not look into.
#include "pipeline/reply_facts.h"

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "gtest/gtest.h"
#include "http/server_exchange.h"
#include "http/types.h"
#include "pipeline/client_call.h"

namespace sluice::pipeline {

namespace {

struct Listener final : http::BodyTap {
    void on_body(std::string_view bytes) override { body += bytes; }
    void on_hidden(std::string_view bytes) override { hidden += bytes; }

    std::string body;
    std::string hidden;
};

ClientCall call_to(std::string_view path) {
    return client_call(http::Method::post, path);
}

std::vector<std::string> reasons_of(const ReplyFacts& facts) {
    return {facts.finish_reasons().begin(), facts.finish_reasons().end()};
}

TEST(ReplyFacts, ReadsTheMembersOfAReplyHoweverItIsCut) {
    const std::string reply =
        R"({"id":"c","model":"gpt-4o-2024","choices":[)"
        R"({"message":{"content":"\"model\":\"x\" \"finish_reason\":\"y\""},)"
        R"("finish_reason":"stop"},)"
        R"({"message":{"tool_calls":[{"function":{"arguments":"{\"model\":\"z\"}"}}]},)"
        R"("finish_reason":"tool_calls"}],"model":"other"})";
    for (size_t cut = 0; cut <= reply.size(); ++cut) {
        Arena arena;
        Listener next;
        ReplyFacts facts(call_to("/v1/chat/completions"), arena, &next);
        facts.on_body(std::string_view(reply).substr(0, cut));
        facts.on_hidden("usage");
        facts.on_body(std::string_view(reply).substr(cut));
        EXPECT_EQ(facts.model(), "gpt-4o-2024") << cut;
        EXPECT_EQ(reasons_of(facts), (std::vector<std::string>{"stop", "tool_calls"})) << cut;
        EXPECT_EQ(next.body, reply);
        EXPECT_EQ(next.hidden, "usage");
    }
}

TEST(ReplyFacts, TakesTheReasonsOfAStreamAndNoMoreThanItHasRoomFor) {
    Arena arena;
    ReplyFacts facts(call_to("/v1/chat/completions"), arena, nullptr);
    for (const char* const reason : {"null", "\"a\"", "\"b\"", "\"c\"", "\"d\"", "\"e\""}) {
        facts.on_body(R"(data: {"choices":[{"finish_reason":)" + std::string(reason) + "}]}\n\n");
    }
    EXPECT_EQ(reasons_of(facts), (std::vector<std::string>{"a", "b", "c", "d"}));
    EXPECT_EQ(facts.model(), "");
}

TEST(ReplyFacts, ReadsAnthropicsStreams) {
    Arena arena;
    ReplyFacts facts(call_to("/v1/messages"), arena, nullptr);
    facts.on_body(
        R"(data: {"type":"message_start","message":{"model":"claude","stop_reason":null}})");
    facts.on_body(
        "\n\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n");
    EXPECT_EQ(facts.model(), "claude");
    EXPECT_EQ(reasons_of(facts), std::vector<std::string>{"end_turn"});
}

// There the arguments of tools are objects, and a model chooses their names.
TEST(ReplyFacts, LeavesAloneWhatCouldBeAModelsOwnWords) {
    EXPECT_TRUE(ReplyFacts::can_read(call_to("/v1/chat/completions"), false));
    EXPECT_TRUE(ReplyFacts::can_read(call_to("/v1/chat/completions"), true));
    EXPECT_TRUE(ReplyFacts::can_read(call_to("/v1/completions"), false));
    EXPECT_TRUE(ReplyFacts::can_read(call_to("/v1/embeddings"), false));
    EXPECT_TRUE(ReplyFacts::can_read(call_to("/v1/messages"), true));
    EXPECT_FALSE(ReplyFacts::can_read(call_to("/v1/messages"), false));
    EXPECT_FALSE(ReplyFacts::can_read(call_to("/v1/responses"), true));
    EXPECT_FALSE(ReplyFacts::can_read(call_to("/v1/files"), false));
}

}  // namespace

}  // namespace sluice::pipeline
