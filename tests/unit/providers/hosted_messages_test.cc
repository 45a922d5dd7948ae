// Anthropic's API on other clouds: what of a client's own body changes, and that events and whole
// replies of the model reach a client of the same API as they are.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/messages.h"
#include "providers/transcoder.h"
#include "providers/vendor.h"
#include "support/splits.h"
#include "unit/providers/client_trial.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {
namespace {

std::string hosted(std::string_view vendor,
                   std::string_view body,
                   std::string_view betas = {},
                   bool is_stream = false) {
    Arena arena;
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    std::string text;
    json::StringText output(text);
    write_hosted_request(**tree,
                         {.vendor = find_vendor(vendor), .model = "m", .is_stream = is_stream},
                         betas, output);
    output.finish();
    return text;
}

TEST(HostedMessages, TheModelGivesWayToTheVersion) {
    EXPECT_EQ(hosted("anthropic_vertex", R"({"model":"x","stream" : true,"a\tb":[1.0, 2]})"),
              R"({"anthropic_version":"vertex-2023-10-16","stream" : true,"a\tb":[1.0, 2]})");
    EXPECT_EQ(hosted("anthropic_vertex", R"({"anthropic_version":"mine","max_tokens":1})"),
              R"({"anthropic_version":"vertex-2023-10-16","max_tokens":1})");
}

TEST(HostedMessages, BedrockKnowsStreamsByThePathAndBetasByTheBody) {
    EXPECT_EQ(hosted("anthropic_bedrock", R"({"max_tokens":1,"stream":true,"model":"x"})", "a, b ,",
                     true),
              R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":1,)"
              R"("anthropic_beta":["a","b"]})");
    EXPECT_EQ(hosted("anthropic_bedrock", R"({"anthropic_beta":["c"]})", "d"),
              R"({"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["c","d"]})");
    EXPECT_EQ(hosted("anthropic_bedrock", R"({"anthropic_beta":[]})"),
              R"({"anthropic_version":"bedrock-2023-05-31"})");
}

// The recorded frames of InvokeModelWithResponseStream, and the events in them.
struct Recorded {
    std::string frames;
    std::vector<WireEvent> events;
};

Recorded recorded() {
    const VectorCase vectors("eventstream/recorded.json");
    Recorded found;
    for (const json::Value& stream : vectors["streams"]) {
        if (!stream["about"].is_present()) {
            continue;
        }
        found.frames = from_hex(stream["bytes_hex"].text().raw);
        for (const json::Value& frame : stream["frames"]) {
            found.events.push_back(
                {vectors.text(frame["decoded"]["type"]), std::string(frame["decoded"].raw())});
        }
    }
    return found;
}

struct Told {
    std::string text;
    bool has_started = false;
    bool has_failed = false;
    std::string code;
    int64_t tokens = 0;
    bool operator==(const Told&) const = default;
};

Told stream_to(Dialect client,
               std::string_view vendor_name,
               const sluice::test::Pieces& pieces,
               bool passes_on) {
    Arena arena;
    Told told;
    json::StringText output(told.text);
    const Vendor& vendor = *find_vendor(vendor_name);
    const Target target = {.vendor = &vendor, .model = "m", .is_stream = true};
    const ReplyContext context = {
        .fallback_id = "id", .requested_model = "m", .is_stream = true, .passes_on = passes_on};
    StreamTranscoder transcoder(*client_dialect(client), *upstream_dialect(vendor.dialect), target,
                                context, output, arena);
    for (size_t i = 0; i < pieces.size(); ++i) {
        transcoder.feed(pieces[i]);
    }
    transcoder.end();
    output.finish();
    told.has_started = transcoder.has_started();
    told.has_failed = transcoder.has_failed();
    told.code = transcoder.failure().code;
    told.tokens = transcoder.usage().completion_tokens;
    return told;
}

TEST(HostedMessages, EventsOfTheModelComeOutOfTheirFrames) {
    const Recorded stream = recorded();
    ASSERT_GT(stream.events.size(), 20U);
    const Told whole =
        stream_to(Dialect::messages, "anthropic_bedrock", sluice::test::whole(stream.frames), true);
    EXPECT_FALSE(whole.has_failed);
    EXPECT_EQ(whole.tokens, 134);
    const std::vector<WireEvent> events = wire_events(whole.text);
    ASSERT_EQ(events.size(), stream.events.size());
    Arena arena;
    for (size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(events[i].name, stream.events[i].name);
        const auto event = json::Value::parse(events[i].data, arena, ErrorSource::upstream);
        const auto wanted = json::Value::parse(stream.events[i].data, arena, ErrorSource::upstream);
        EXPECT_EQ((**event)["delta"].raw().empty(), (**wanted)["delta"].raw().empty());
        EXPECT_EQ((**event)["index"].raw(), (**wanted)["index"].raw());
    }
    EXPECT_NE(events.back().data.find("amazon-bedrock-invocationMetrics"), std::string::npos);
    EXPECT_EQ(stream_to(Dialect::messages, "anthropic_bedrock",
                        sluice::test::byte_by_byte(stream.frames), true),
              whole);
}

TEST(HostedMessages, OtherClientsGetThemTranslated) {
    const Recorded stream = recorded();
    const Told told =
        stream_to(Dialect::chat, "anthropic_bedrock", sluice::test::whole(stream.frames), false);
    EXPECT_FALSE(told.has_failed);
    EXPECT_NE(told.text.find("get_current_weather"), std::string::npos);
    EXPECT_NE(told.text.find(R"("finish_reason":"tool_calls")"), std::string::npos);
    EXPECT_TRUE(told.text.ends_with("data: [DONE]\n\n")) << told.text;
}

// The frame of AWS' own examples that is an error, alone and behind others.
TEST(HostedMessages, AFailureOfBedrockIsToldAsAnError) {
    const VectorCase vectors("eventstream/frames.json");
    std::string failure;
    for (const json::Value& test : vectors["positive"]) {
        if (test["name"].text() == "error_event_message") {
            failure = from_hex(test["bytes_hex"].text().raw);
        }
    }
    ASSERT_FALSE(failure.empty());
    const Told at_once =
        stream_to(Dialect::messages, "anthropic_bedrock", sluice::test::whole(failure), true);
    EXPECT_TRUE(at_once.has_failed);
    EXPECT_FALSE(at_once.has_started);
    EXPECT_EQ(at_once.text, "");
    // Three whole frames of the recorded stream, and this one.
    const Recorded stream = recorded();
    size_t size = 0;
    for (int i = 0; i < 3; ++i) {
        const auto at = [&](size_t n) {
            return static_cast<unsigned char>(stream.frames[size + n]);
        };
        size += static_cast<size_t>((at(2) << 8U) | at(3));
    }
    const std::string front = stream.frames.substr(0, size);
    const Told late = stream_to(Dialect::messages, "anthropic_bedrock",
                                sluice::test::whole(front + failure), true);
    const std::vector<WireEvent> events = wire_events(late.text);
    ASSERT_EQ(events.size(), 4U) << late.text;
    EXPECT_EQ(events[2].name, "content_block_delta");
    EXPECT_EQ(events[3].name, "error");
    // Without it the stream was cut.
    const Told cut =
        stream_to(Dialect::messages, "anthropic_bedrock", sluice::test::whole(front), true);
    EXPECT_EQ(cut.code, "stream_truncated");
    EXPECT_EQ(wire_events(cut.text).back().name, "error");
}

TEST(HostedMessages, EventsOfVertexStayAsTheyAre) {
    const std::string stream =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"a\","
        "\"usage\":{\"input_tokens\":3}}, \"x\": 1.50}\n\n"
        "event: ping\ndata: {\"type\": \"ping\"}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"web_search_tool_result\",\"content\":[ ]}}\n\n"
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
        "\"pause_turn\"},\"usage\":{\"output_tokens\":9}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    const Told told =
        stream_to(Dialect::messages, "anthropic_vertex", sluice::test::byte_by_byte(stream), true);
    EXPECT_EQ(told.text, stream);
    EXPECT_FALSE(told.has_failed);
    EXPECT_EQ(told.tokens, 9);
    // What a tool of the provider's does may take long: it is told as it comes.
    const std::string begun = stream.substr(0, stream.find("event: content_block_stop"));
    EXPECT_TRUE(stream_to(Dialect::messages, "anthropic_vertex", sluice::test::whole(begun), true)
                    .text.starts_with(begun));
    // Cut, it ends in an error and in no end of its own.
    const std::string front = stream.substr(0, stream.find("event: message_delta"));
    const Told cut =
        stream_to(Dialect::messages, "anthropic_vertex", sluice::test::whole(front), true);
    EXPECT_TRUE(cut.has_failed);
    EXPECT_EQ(cut.text.find("message_stop"), std::string::npos);
}

}  // namespace
}  // namespace sluice::providers::test
