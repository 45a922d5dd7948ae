// The JSON of OTLP, byte by byte.
#include "trace/otlp.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::trace {
namespace {

TEST(Otlp, WritesEveryFieldInItsPublishedForm) {
    std::string text;
    OtlpText otlp(text);
    otlp.begin_request();
    otlp.text("service.name", "a \"gateway\"");
    otlp.integer("process.pid", 42);
    otlp.begin_spans("sluice", "1.2.3");
    otlp.begin_span({.trace = {.high = 1, .low = 0xab},
                     .span = 0x10,
                     .parent = 0x20,
                     .flags = 0x301,
                     .name = "chat m",
                     .kind = SpanKind::client,
                     .began_ns = 1'800'000'000'000'000'000,
                     .ended_ns = 1'800'000'000'000'000'001});
    otlp.text("a", "b");
    otlp.text("left out", "");
    otlp.integer("least", INT64_MIN);
    otlp.number("d", 0.5);
    otlp.boolean("yes", true);
    otlp.texts("none", {});
    otlp.texts("why", std::array<std::string_view, 2>{"stop", "length"});
    otlp.end_span("reset");
    otlp.begin_span({.trace = {.high = 1, .low = 0xab}, .span = 0x11, .name = "root"});
    otlp.end_span("");
    otlp.end_request();
    EXPECT_EQ(
        text,
        R"({"resourceSpans":[{"resource":{"attributes":[)"
        R"({"key":"service.name","value":{"stringValue":"a \"gateway\""}},)"
        R"({"key":"process.pid","value":{"intValue":"42"}}]},)"
        R"("scopeSpans":[{"scope":{"name":"sluice","version":"1.2.3"},"spans":[)"
        R"({"traceId":"000000000000000100000000000000ab","spanId":"0000000000000010",)"
        R"("parentSpanId":"0000000000000020","flags":769,"name":"chat m","kind":3,)"
        R"("startTimeUnixNano":"1800000000000000000","endTimeUnixNano":"1800000000000000001",)"
        R"("attributes":[{"key":"a","value":{"stringValue":"b"}},)"
        R"({"key":"least","value":{"intValue":"-9223372036854775808"}},)"
        R"({"key":"d","value":{"doubleValue":0.5}},)"
        R"({"key":"yes","value":{"boolValue":true}},)"
        R"({"key":"why","value":{"arrayValue":{"values":[{"stringValue":"stop"},)"
        R"({"stringValue":"length"}]}}}],)"
        R"("status":{"message":"reset","code":2}},)"
        R"({"traceId":"000000000000000100000000000000ab","spanId":"0000000000000011",)"
        R"("flags":0,"name":"root","kind":1,"startTimeUnixNano":"0","endTimeUnixNano":"0",)"
        R"("attributes":[],"status":{}}],)"
        R"("schemaUrl":"https://opentelemetry.io/schemas/1.37.0"}]}]})");
}

}  // namespace
}  // namespace sluice::trace
