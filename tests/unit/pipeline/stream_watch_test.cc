// Where events end, how a stream says that it is whole, and what it reported: over every split.
#include "pipeline/stream_watch.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "gtest/gtest.h"
#include "providers/canonical.h"

namespace sluice::pipeline {

namespace {

struct Seen {
    uint64_t events = 0;
    bool whole = false;
    bool error = false;
    Usage usage;
};

// Feeds `stream` in two pieces, cut at `cut`.
Seen watch(std::string_view stream, Terminator terminator, size_t cut) {
    Arena arena;
    StreamWatch watch(true, terminator, arena);
    watch.see(stream.substr(0, cut));
    watch.see(stream.substr(cut));
    watch.end();
    return {.events = watch.events(),
            .whole = watch.has_ended_properly(),
            .error = watch.saw_error(),
            .usage = read_usage(watch.usage_object())};
}

void expect(std::string_view stream, Terminator terminator, bool whole, bool error) {
    for (size_t cut = 0; cut <= stream.size(); ++cut) {
        const Seen seen = watch(stream, terminator, cut);
        EXPECT_EQ(seen.whole, whole) << stream << " cut at " << cut;
        EXPECT_EQ(seen.error, error) << stream << " cut at " << cut;
    }
}

TEST(StreamWatch, TellsTheTierOfServiceWhereItWasAskedFor) {
    const std::string_view stream =
        "data: {\"service_tier\":\"flex\",\"choices\":[]}\n\n"
        "data: {\"service_tier\":\"priority\",\"usage\":{\"prompt_tokens\":1}}\n\n"
        "data: [DONE]\n\n";
    for (const bool asks : {false, true}) {
        Arena arena;
        StreamWatch watch(true, Terminator::done, arena);
        if (asks) {
            watch.watch_tier(arena);
        }
        watch.see(stream);
        watch.end();
        EXPECT_EQ(watch.usage().tier,
                  asks ? providers::ServiceTier::priority : providers::ServiceTier::standard);
    }
}

TEST(StreamWatch, AnthropicsUsageHasItsTier) {
    Arena arena;
    StreamWatch watch(true, Terminator::messages, arena);
    watch.see(
        "event: message_start\ndata: {\"message\":{\"usage\":{\"input_tokens\":3,"
        "\"service_tier\":\"priority\"}}}\n\n"
        "event: message_delta\ndata: {\"usage\":{\"output_tokens\":5}}\n\n");
    EXPECT_EQ(watch.usage().tier, providers::ServiceTier::priority);
    EXPECT_EQ(watch.usage().completion_tokens, 5U);
    EXPECT_EQ(watch.usage().prompt_tokens, 3U) << "both came in one piece";
}

TEST(StreamWatch, WhatHasNoDataIsNoEvent) {
    const std::string_view none =
        ": waiting\n\n: still waiting\r\n\r\nevent: ping\n\nid: 7\nretry: 10\n\n: and then\n";
    for (size_t cut = 0; cut <= none.size(); ++cut) {
        EXPECT_EQ(watch(none, Terminator::done, cut).events, 0U) << cut;
        EXPECT_EQ(watch(std::string(none) + "data: {}\n\n", Terminator::done, cut).events, 1U)
            << cut;
    }
}

TEST(StreamWatch, ChatStreamsEndWithDone) {
    expect("data: {}\n\ndata: [DONE]\n\n", Terminator::done, true, false);
    expect("data: {}\n\ndata:[DONE]\n\n", Terminator::done, true, false);
    expect("data: {}\r\n\r\ndata: [DONE]\r\n\r\n", Terminator::done, true, false);
    expect("data: {}\n\n", Terminator::done, false, false);
    expect("data: {\"content\":\"data: [DONE]\"}\n\n", Terminator::done, false, false);
}

TEST(StreamWatch, TheTerminatorMayFollowOtherLinesOfItsEvent) {
    expect(": waiting\ndata: [DONE]\n\n", Terminator::done, true, false);
    expect("id: 12\nevent: done\ndata: [DONE]\n\n", Terminator::done, true, false);
    expect(": " + std::string(300, ' ') + "\nid: 7\ndata: [DONE]\n\n", Terminator::done, true,
           false);
    // The first line of data decides.
    expect("data: x\ndata: [DONE]\n\n", Terminator::done, false, false);
}

TEST(StreamWatch, OnlyTheEmptyLineAfterTheTerminatorMayBeMissing) {
    expect("data: [DONE]\n", Terminator::done, true, false);
    expect("data: [DONE]", Terminator::done, true, false);
    expect("data: [DO", Terminator::done, false, false);
}

TEST(StreamWatch, AnErrorOfTheUpstreamEndsAStreamToo) {
    expect("data: {\"error\":{\"message\":\"no\"}}\n\n", Terminator::done, true, true);
    expect("data: {\"error\" : \"no\"}\n\n", Terminator::done, true, true);
    expect("data: { \"error\": {}}\n\n", Terminator::done, true, true);
    expect("event: error\ndata: {\"message\":\"no\"}\n\n", Terminator::done, true, true);
    expect("data: {\"error\":null,\"id\":1}\n\n", Terminator::done, false, false);
    expect("event: errors\ndata: {}\n\n", Terminator::done, false, false);
}

TEST(StreamWatch, ResponsesEndWithATerminalEvent) {
    for (const std::string name : {"completed", "failed", "incomplete"}) {
        const std::string data = "data: {\"type\":\"response." + name + "\"}\n\n";
        expect("event: response." + name + "\n" + data, Terminator::responses, true, false);
        expect(data, Terminator::responses, true, false);
    }
    expect("event: response.created\ndata: {}\n\n", Terminator::responses, false, false);
    expect("data: [DONE]\n\n", Terminator::responses, false, false);
    expect("data: {\"type\":\"error\"}\n\n", Terminator::responses, true, true);
}

TEST(StreamWatch, EachApiHasAnEndOfItsOwn) {
    expect("event: response.completed\ndata: {}\n\n", Terminator::done, false, false);
    expect("data: {\"type\":\"response.completed\"}\n\n", Terminator::done, false, false);
    expect("data: {\"type\":\"error\"}\n\n", Terminator::done, false, false);
}

// An event without data is none, and a line without its end may be half of one.
TEST(StreamWatch, ACutTerminalEventIsNoEnd) {
    const std::string_view stream = "event: response.completed\ndata: {\"type\":\"x\"}\n\n";
    for (size_t size = 0; size + 2 < stream.size(); ++size) {
        expect(stream.substr(0, size), Terminator::responses, false, false);
    }
    expect(stream.substr(0, stream.size() - 1), Terminator::responses, true, false);
    expect("event: response.completed\n\n", Terminator::responses, false, false);
    expect("event: error\ndata: {\"mess", Terminator::done, false, false);
    expect("data: {\"error\":{\"mess", Terminator::done, false, false);
    const std::string id(200, '7');
    expect("event: response.failed\nid: " + id + "\ndata: {}\n\n", Terminator::responses, true,
           false);
}

TEST(StreamWatch, TellsHowMuchIsWholeEvents) {
    Arena arena;
    StreamWatch watch(true, Terminator::done, arena);
    EXPECT_EQ(watch.see("data: x\n\ndata: y"), 9U);
    EXPECT_EQ(watch.see("\n"), 0U);
    EXPECT_EQ(watch.see("\n\n\n"), 3U) << "empty lines belong to nothing";
    EXPECT_EQ(watch.see("\n"), 1U);
    EXPECT_EQ(watch.see("data: z"), 0U);
    StreamWatch bytes(false, Terminator::none, arena);
    EXPECT_EQ(bytes.see("data: x"), 7U);
}

TEST(StreamWatch, ReadsBothSpellingsOfUsage) {
    const Usage usage = read_usage(
        "{\"input_tokens\":7,\"output_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":3},"
        "\"output_tokens_details\":{\"reasoning_tokens\":5}}");
    EXPECT_TRUE(usage.is_known);
    EXPECT_EQ(usage.prompt_tokens, 7U);
    EXPECT_EQ(usage.completion_tokens, 9U);
    EXPECT_EQ(usage.cached_tokens, 3U);
    EXPECT_EQ(usage.reasoning_tokens, 5U);
}

TEST(StreamWatch, ReadsWhatWasWrittenToACache) {
    const Usage openai = read_usage(
        "{\"prompt_tokens\":70,\"prompt_tokens_details\":{\"cached_tokens\":3,"
        "\"cache_write_tokens\":40}}");
    EXPECT_EQ(openai.prompt_tokens, 70U);
    EXPECT_EQ(openai.cache_write_tokens, 40U);
    EXPECT_EQ(openai.cache_write_1h_tokens, 0U);
    const Usage anthropic = read_usage(
        "{\"input_tokens\":7,\"cache_creation_input_tokens\":20,\"cache_read_input_tokens\":3,"
        "\"cache_creation\":{\"ephemeral_5m_input_tokens\":5,\"ephemeral_1h_input_tokens\":15},"
        "\"output_tokens\":2}");
    EXPECT_EQ(anthropic.prompt_tokens, 30U);
    EXPECT_EQ(anthropic.cached_tokens, 3U);
    EXPECT_EQ(anthropic.cache_write_tokens, 20U);
    EXPECT_EQ(anthropic.cache_write_1h_tokens, 15U);
}

TEST(StreamWatch, ReadsWhatTheUpstreamSaysThatItCosts) {
    EXPECT_EQ(read_usage("{\"prompt_tokens\":1}").reported_cost_pico, -1);
    EXPECT_EQ(read_usage("{\"cost\":0.00014}").reported_cost_pico, 140'000'000);
    EXPECT_EQ(read_usage("{\"cost\":{\"total_cost\":0.006}}").reported_cost_pico, 6'000'000'000);
    EXPECT_EQ(read_usage("{\"cost_in_usd_ticks\":37756000}").reported_cost_pico, 3'775'600'000);
    EXPECT_EQ(read_usage("{\"cost\":0.000012345678901234567}").reported_cost_pico, 12'345'679);
    EXPECT_EQ(read_usage("{\"cost\":null}").reported_cost_pico, -1);
}

TEST(StreamWatch, CountsEventsAndFindsTheLastUsage) {
    const std::string_view stream =
        "data: {\"usage\":null}\n\n: comment\n\n"
        "data: {\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,"
        "\"prompt_tokens_details\":{\"cached_tokens\":3}}}\n\ndata: [DONE]\n\n";
    for (size_t cut = 0; cut <= stream.size(); ++cut) {
        const Seen seen = watch(stream, Terminator::done, cut);
        EXPECT_EQ(seen.events, 3U) << "a comment is none";
        EXPECT_TRUE(seen.usage.is_known);
        EXPECT_EQ(seen.usage.prompt_tokens, 7U);
        EXPECT_EQ(seen.usage.completion_tokens, 2U);
        EXPECT_EQ(seen.usage.cached_tokens, 3U);
    }
}

}  // namespace

}  // namespace sluice::pipeline
