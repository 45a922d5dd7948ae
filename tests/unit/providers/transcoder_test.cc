// Bodies that are no stream although one was asked for, and messages that are not JSON: what the
// client is told says what it was and whose.
#include "providers/transcoder.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/arena.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/vendor.h"
#include "support/splits.h"

namespace sluice::providers {
namespace {

using testing::HasSubstr;

struct Told {
    bool has_started = false;
    bool has_failed = false;
    uint16_t status = 0;
    std::string code;
    std::string message;
    RetryAdvice retry = RetryAdvice::never;
    std::string text;

    bool operator==(const Told&) const = default;
};

Told stream_of(std::string_view provider, const test::Pieces& pieces) {
    Arena arena;
    Told told;
    json::StringText output(told.text);
    const Vendor& vendor = *find_vendor(provider);
    const Target target = {.vendor = &vendor, .model = "m", .is_stream = true};
    const ReplyContext context = {.fallback_id = "id", .requested_model = "m", .is_stream = true};
    StreamTranscoder transcoder(*client_dialect(Dialect::chat), *upstream_dialect(vendor.dialect),
                                target, context, output, arena);
    for (size_t i = 0; i < pieces.size(); ++i) {
        transcoder.feed(pieces[i]);
    }
    transcoder.end();
    output.finish();
    told.has_started = transcoder.has_started();
    told.has_failed = transcoder.has_failed();
    if (told.has_failed) {
        const ProviderError& failure = transcoder.failure();
        told.status = failure.status;
        told.code = failure.code;
        told.message = failure.message;
        told.retry = failure.retry;
    }
    return told;
}

// Whole, and in every split into single bytes.
Told told_of(std::string_view provider, std::string_view body) {
    const Told whole = stream_of(provider, test::whole(body));
    EXPECT_EQ(stream_of(provider, test::byte_by_byte(body)), whole);
    return whole;
}

TEST(Transcoder, AnErrorInsteadOfAStreamIsToldAsThatError) {
    for (const auto& [provider, body, status, code] :
         {std::tuple("groq",
                     R"({"error":{"message":"busy now","type":"server_error","code":"503"}})", 503,
                     "upstream_unavailable"),
          std::tuple("anthropic",
                     "{\"type\":\"error\",\n \"error\":{\"type\":\"overloaded_error\","
                     "\"message\":\"busy now\"}}\n",
                     503, "upstream_overloaded"),
          std::tuple("gemini",
                     R"({"error":{"code":429,"message":"busy now","status":"RESOURCE_EXHAUSTED"}})",
                     429, "rate_limit_exceeded"),
          std::tuple("bedrock", R"({"__type":"ThrottlingException","message":"busy now"})", 429,
                     "rate_limit_exceeded")}) {
        const Told told = told_of(provider, body);
        EXPECT_TRUE(told.has_failed) << provider;
        EXPECT_FALSE(told.has_started) << provider;
        EXPECT_EQ(told.text, "") << provider << ": it can still have a status of its own";
        EXPECT_EQ(told.status, status) << provider;
        EXPECT_EQ(told.code, code) << provider;
        EXPECT_EQ(told.message, "busy now") << provider;
        EXPECT_NE(told.retry, RetryAdvice::never) << provider;
    }
}

TEST(Transcoder, AnotherObjectInsteadOfAStreamIsATruncatedOne) {
    const Told told = told_of("groq", R"({"id":"x","choices":[]})");
    EXPECT_EQ(told.code, "stream_truncated");
}

TEST(Transcoder, AStreamBehindALineThatMeansNothingIsStillOne) {
    const std::string_view body =
        "{\"a line that no parser of events minds\n\n"
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},"
        "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    const Told told = told_of("groq", body);
    EXPECT_FALSE(told.has_failed) << told.message;
    EXPECT_THAT(told.text, HasSubstr("hello"));
}

TEST(Transcoder, SaysWhatIsNotJsonAndWhose) {
    EXPECT_EQ(told_of("groq", "data: {\"id\":}\n\n").message,
              "The upstream sent an event that is not JSON: expected a value.");
    EXPECT_EQ(told_of("ollama", "{\"model\":}\n").message,
              "The upstream sent a line that is not JSON: expected a value.");
}

TEST(Transcoder, SaysSoOfAWholeReply) {
    Arena arena;
    std::string text;
    json::StringText output(text);
    const Vendor& vendor = *find_vendor("groq");
    const Target target = {.vendor = &vendor, .model = "m"};
    Usage usage;
    ProviderError failure;
    EXPECT_FALSE(transcode_whole(*client_dialect(Dialect::chat), *upstream_dialect(vendor.dialect),
                                 target, {.fallback_id = "id", .requested_model = "m"}, "<html>",
                                 output, arena, usage, failure));
    EXPECT_EQ(failure.message, "The upstream sent a reply that is not JSON: expected a value.");
}

TEST(Transcoder, UsageHasTheTierThatTheReplyNames) {
    for (const auto& [provider, body] :
         {std::pair("groq", R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],
                               "service_tier":"flex","usage":{"prompt_tokens":1}})"),
          std::pair("anthropic", R"({"type":"message","content":[],"stop_reason":"end_turn",
                               "usage":{"input_tokens":1,"service_tier":"FLEX"}})"),
          std::pair("gemini", R"({"candidates":[{"content":{"parts":[{"text":"a"}]},
                               "finishReason":"STOP"}],
                               "usageMetadata":{"promptTokenCount":1,
                               "trafficType":"ON_DEMAND_FLEX"}})")}) {
        Arena arena;
        std::string text;
        json::StringText output(text);
        Usage usage;
        ProviderError failure;
        const Vendor& vendor = *find_vendor(provider);
        EXPECT_TRUE(transcode_whole(
            *client_dialect(Dialect::chat), *upstream_dialect(vendor.dialect),
            {.vendor = &vendor, .model = "m"}, {.fallback_id = "id", .requested_model = "m"}, body,
            output, arena, usage, failure))
            << provider;
        EXPECT_EQ(usage.tier, ServiceTier::flex) << provider;
    }
}

}  // namespace
}  // namespace sluice::providers
