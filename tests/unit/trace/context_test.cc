// traceparent in both directions: the Recommendation's own examples, and everything it calls wrong.
#include "trace/context.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace sluice::trace {
namespace {

constexpr std::string_view kExample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string text_of(const Context& context) {
    const auto text = traceparent(context);
    return {text.data(), text.size()};
}

TEST(Traceparent, ReadsTheExample) {
    const auto context = parse_traceparent(kExample);
    ASSERT_TRUE(context);
    EXPECT_EQ(context->trace.high, 0x4bf92f3577b34da6U);
    EXPECT_EQ(context->trace.low, 0xa3ce929d0e0e4736U);
    EXPECT_EQ(context->span, 0x00f067aa0ba902b7U);
    EXPECT_TRUE(context->is_sampled);
    EXPECT_EQ(text_of(*context), kExample);
}

TEST(Traceparent, ReadsTheSampledBitAlone) {
    std::string text(kExample);
    for (const auto& [flags, is_sampled] :
         {std::pair("00", false), {"01", true}, {"02", false}, {"03", true}, {"ff", true}}) {
        text.replace(text.size() - 2, 2, flags);
        const auto context = parse_traceparent(text);
        ASSERT_TRUE(context) << text;
        EXPECT_EQ(context->is_sampled, is_sampled) << text;
    }
}

TEST(Traceparent, TakesTheKnownPartOfLaterVersions) {
    const std::string rest = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    EXPECT_TRUE(parse_traceparent("01" + rest));
    EXPECT_TRUE(parse_traceparent("cc" + rest + "-what-the-future-brings"));
    EXPECT_FALSE(parse_traceparent("cc" + rest + ".what"));
    EXPECT_FALSE(parse_traceparent("ff" + rest));
    EXPECT_FALSE(parse_traceparent("00" + rest + "-more"));
}

TEST(Traceparent, RefusesEverythingElse) {
    for (const char* const text : {
             "",
             "00",
             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
             "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
             "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
             "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
             "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bx-01",
             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
             "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
             "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
             "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
         }) {
        EXPECT_FALSE(parse_traceparent(text)) << text;
    }
}

TEST(Traceparent, KeepsLeadingZeros) {
    const Context context = {.trace = {.high = 0, .low = 1}, .span = 2, .is_sampled = false};
    EXPECT_EQ(text_of(context), "00-00000000000000000000000000000001-0000000000000002-00");
    EXPECT_EQ(parse_traceparent(text_of(context)), context);
}

TEST(Ids, AreSetAndDiffer) {
    Prng prng(7);
    const TraceId first = new_trace_id(prng);
    const TraceId second = new_trace_id(prng);
    EXPECT_TRUE(first.is_set());
    EXPECT_NE(first, second);
    const SpanId span = new_span_id(prng);
    EXPECT_NE(span, 0U);
    EXPECT_NE(child_span_id(span, 0), child_span_id(span, 1));
    EXPECT_EQ(child_span_id(span, 1), child_span_id(span, 1));
    EXPECT_NE(child_span_id(span, 0), span);
}

}  // namespace
}  // namespace sluice::trace
