// A record as spans: names, kinds, parents, times and attributes, read back from the JSON.
#include "trace/spans.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "trace/context.h"
#include "trace/otlp.h"
#include "trace/record.h"
#include "trace/sampling.h"

namespace sluice::trace {
namespace {

struct Span {
    std::string id;
    std::string parent;
    std::string name;
    std::string kind;
    std::string began;
    std::string ended;
    std::string flags;
    std::string error;  // The status's message.
    std::map<std::string, std::string> attributes;
};

std::string text_of(const json::Value& value) {
    return std::string(value.raw());
}

std::string unquoted(const json::Value& value) {
    std::string text = text_of(value);
    return text.size() >= 2 && text.front() == '"' ? text.substr(1, text.size() - 2) : text;
}

std::vector<Span> spans_of(const Record& record) {
    std::string text;
    OtlpText otlp(text);
    otlp.begin_request();
    otlp.begin_spans("sluice", "1");
    write_spans(otlp, record);
    otlp.end_request();
    Arena arena;
    const auto root = json::Value::parse(text, arena, ErrorSource::gateway);
    EXPECT_TRUE(root) << text;
    std::vector<Span> spans;
    const json::Value& list =
        (*(*(**root)["resourceSpans"].begin())["scopeSpans"].begin())["spans"];
    for (const json::Value& value : list) {
        Span span = {.id = unquoted(value["spanId"]),
                     .parent = unquoted(value["parentSpanId"]),
                     .name = unquoted(value["name"]),
                     .kind = unquoted(value["kind"]),
                     .began = unquoted(value["startTimeUnixNano"]),
                     .ended = unquoted(value["endTimeUnixNano"]),
                     .flags = unquoted(value["flags"]),
                     .error = unquoted(value["status"]["message"]),
                     .attributes = {}};
        for (const json::Value& attribute : value["attributes"]) {
            span.attributes[unquoted(attribute["key"])] = text_of(attribute["value"]);
        }
        spans.push_back(std::move(span));
    }
    EXPECT_EQ(spans.size(), span_count(record));
    return spans;
}

const Span& named(const std::vector<Span>& spans, std::string_view name) {
    const auto found = std::ranges::find(spans, name, &Span::name);
    EXPECT_NE(found, spans.end()) << name;
    return *found;
}

Record streamed() {
    Record record;
    record.clear();
    ExchangeFacts& exchange = record.exchange;
    exchange.own = {.trace = {.high = 1, .low = 2}, .span = 3, .is_sampled = true};
    exchange.parent = 4;
    exchange.method = "POST";
    exchange.scheme = "http";
    exchange.operation = "chat";
    exchange.route = record.texts.add("/v1");
    exchange.path = record.texts.add("/v1/chat/completions");
    exchange.model = record.texts.add("alias");
    exchange.status = 200;
    exchange.attempts = 1;
    exchange.is_stream = true;
    exchange.is_priced = true;
    exchange.cost_pico_usd = 2'500'000;
    exchange.usage = {.input_tokens = 11,
                      .cached_tokens = 5,
                      .cache_write_tokens = 0,
                      .output_tokens = 7,
                      .is_known = true,
                      .is_estimated = false};
    exchange.began = 100;
    exchange.ended = 900;
    record.attempt_count = 1;
    record.attempts[0] = {.span = 5,
                          .vendor = "mistral",
                          .retry_reason = "",
                          .error = "",
                          .upstream = record.texts.add("up"),
                          .model = record.texts.add("real"),
                          .host = record.texts.add("10.0.0.1"),
                          .port = 8080,
                          .ordinal = 0,
                          .status = 200,
                          .is_stream = true,
                          .is_reused = false,
                          .is_failed = false,
                          .began = 200,
                          .leased = 300,
                          .sent = 310,
                          .first_byte = 400,
                          .first_event = 450,
                          .ended = 800};
    record.step_count = 1;
    record.steps[0] = {.phase = "request",
                       .verdict = "proceed",
                       .name = record.texts.add("who"),
                       .type = record.texts.add("authenticate"),
                       .began = 120,
                       .ended = 130};
    return record;
}

TEST(Spans, OfAStreamedExchange) {
    const std::vector<Span> spans = spans_of(streamed());
    ASSERT_EQ(spans.size(), 6U);
    const Span& server = named(spans, "POST /v1");
    EXPECT_EQ(server.kind, "2");
    EXPECT_EQ(server.id, "0000000000000003");
    EXPECT_EQ(server.parent, "0000000000000004");
    EXPECT_EQ(server.flags, std::to_string(0x301));
    EXPECT_EQ(server.attributes.at("http.response.status_code"), R"({"intValue":"200"})");
    EXPECT_EQ(server.attributes.at("gen_ai.request.model"), R"({"stringValue":"alias"})");
    EXPECT_EQ(server.attributes.at("sluice.cost_usd"), R"({"doubleValue":2.5e-06})");
    EXPECT_FALSE(server.attributes.contains("gen_ai.usage.input_tokens"));
    EXPECT_EQ(server.error, "");
    const Span& attempt = named(spans, "chat real");
    EXPECT_EQ(attempt.kind, "3");
    EXPECT_EQ(attempt.parent, server.id);
    EXPECT_EQ(attempt.flags, std::to_string(0x101));
    EXPECT_EQ(attempt.attributes.at("gen_ai.provider.name"), R"({"stringValue":"mistral_ai"})");
    EXPECT_EQ(attempt.attributes.at("gen_ai.usage.input_tokens"), R"({"intValue":"11"})");
    EXPECT_EQ(attempt.attributes.at("gen_ai.usage.output_tokens"), R"({"intValue":"7"})");
    EXPECT_EQ(attempt.attributes.at("gen_ai.usage.cache_read.input_tokens"), R"({"intValue":"5"})");
    EXPECT_EQ(attempt.attributes.at("server.port"), R"({"intValue":"8080"})");
    EXPECT_FALSE(attempt.attributes.contains("error.type"));
    EXPECT_FALSE(attempt.attributes.contains("http.request.resend_count"));
    const Span& step = named(spans, "processor who");
    EXPECT_EQ(step.kind, "1");
    EXPECT_EQ(step.parent, server.id);
    for (const auto& [name, began, ended] : {std::tuple("connect", "200", "300"),
                                             {"first_token", "310", "450"},
                                             {"stream", "450", "800"}}) {
        const Span& phase = named(spans, name);
        EXPECT_EQ(phase.parent, attempt.id) << name;
        EXPECT_EQ(phase.began, began) << name;
        EXPECT_EQ(phase.ended, ended) << name;
    }
    std::vector<std::string> ids;
    ids.reserve(spans.size());
    for (const Span& span : spans) {
        ids.push_back(span.id);
    }
    std::ranges::sort(ids);
    EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST(Spans, OfAnAttemptThatDiedWhileItWasWaitedFor) {
    Record record = streamed();
    record.exchange.status = 502;
    record.exchange.is_failed = true;
    record.exchange.error = "reset";
    record.exchange.error_source = "upstream";
    AttemptRecord& attempt = record.attempts[0];
    attempt.is_stream = false;
    attempt.status = 0;
    attempt.first_byte = attempt.first_event = 0;
    attempt.is_failed = true;
    attempt.error = "reset";
    attempt.ordinal = 2;
    attempt.retry_reason = "connect";
    const std::vector<Span> spans = spans_of(record);
    const Span& server = named(spans, "POST /v1");
    EXPECT_EQ(server.error, "reset");
    EXPECT_EQ(server.attributes.at("error.type"), R"({"stringValue":"502"})");
    const Span& failed = named(spans, "chat real");
    EXPECT_EQ(failed.error, "reset");
    EXPECT_EQ(failed.attributes.at("error.type"), R"({"stringValue":"reset"})");
    EXPECT_EQ(failed.attributes.at("http.request.resend_count"), R"({"intValue":"2"})");
    EXPECT_EQ(named(spans, "first_byte").ended, "800");
    EXPECT_EQ(named(spans, "first_byte").error, "reset");
    EXPECT_EQ(named(spans, "connect").error, "");
}

TEST(Spans, OfARequestThatNobodyWasAskedFor) {
    Record record;
    record.clear();
    record.exchange.own = {.trace = {.high = 1, .low = 2}, .span = 3, .is_sampled = false};
    record.exchange.method = "GET";
    record.exchange.keep = Keep::slow;
    record.exchange.status = 404;
    const std::vector<Span> spans = spans_of(record);
    ASSERT_EQ(spans.size(), 1U);
    EXPECT_EQ(spans[0].name, "GET");
    EXPECT_EQ(spans[0].parent, "");
    EXPECT_EQ(spans[0].flags, std::to_string(0x100));
    EXPECT_EQ(spans[0].error, "");
    EXPECT_EQ(spans[0].attributes.at("sluice.kept_by"), R"({"stringValue":"slow"})");
}

TEST(Spans, AKeptConnectionHasNoConnectSpan) {
    Record record = streamed();
    record.attempts[0].is_reused = true;
    EXPECT_EQ(span_count(record), 6U);  // It was waited for.
    record.attempts[0].leased = record.attempts[0].began;
    EXPECT_EQ(span_count(record), 5U);
    EXPECT_EQ(spans_of(record).size(), 5U);
}

TEST(Names, AreThePublishedOnes) {
    EXPECT_EQ(provider_name("openai"), "openai");
    EXPECT_EQ(provider_name("bedrock"), "aws.bedrock");
    EXPECT_EQ(provider_name("vllm"), "vllm");
    EXPECT_EQ(semantic_operation("completions"), "text_completion");
    EXPECT_EQ(semantic_operation("responses"), "chat");
    EXPECT_EQ(semantic_operation("/v1/files"), "");
    EXPECT_EQ(semantic_method("POST"), "POST");
    EXPECT_EQ(semantic_method("BREW"), "_OTHER");
}

}  // namespace
}  // namespace sluice::trace
