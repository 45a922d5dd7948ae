// One request or one reply, without a recorded case around it.
#include "unit/providers/request_trial.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/transcoder.h"
#include "providers/translation.h"
#include "providers/vendor.h"
#include "unit/providers/vector_aggregate.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {

namespace {

using json::Value;

constexpr ReplyContext kContext = {.fallback_id = "0123456789abcdef",
                                   .requested_model = "m",
                                   .now_s = 1'755'000'000,
                                   .include_usage = true,
                                   .is_stream = true};

FailureTrial run_stream(const Vendor& vendor, std::string_view bytes, std::string& text) {
    Arena arena;
    const Target target = {.vendor = &vendor, .model = "m", .is_stream = true};
    json::StringText output(text);
    StreamTranscoder transcoder(*client_dialect(Dialect::chat), *upstream_dialect(vendor.dialect),
                                target, kContext, output, arena);
    transcoder.feed(bytes);
    transcoder.end();
    if (!transcoder.has_failed()) {
        return {};
    }
    const ProviderError& failure = transcoder.failure();
    return {.status = failure.status,
            .code = std::string(failure.code),
            .message = std::string(failure.message)};
}

}  // namespace

std::string RequestTrial::difference(std::string_view expected) const {
    Arena arena;
    const auto tree = Value::parse(expected, arena, ErrorSource::client);
    EXPECT_TRUE(tree.has_value()) << expected;
    return refusal.empty() ? test::difference(**tree, body, Extras::refused)
                           : "refused: " + refusal;
}

std::string RequestTrial::member(std::string_view key) const {
    Arena arena;
    const auto tree = Value::parse(body, arena, ErrorSource::client);
    EXPECT_TRUE(tree.has_value()) << body << refusal;
    return tree ? std::string((**tree)[key].raw()) : "";
}

RequestTrial encode_chat_for(const Vendor& vendor,
                             std::string_view model,
                             std::string_view chat,
                             bool continues_answer) {
    Arena arena;
    Translation translation(arena);
    RequestTrial trial;
    const auto tree = Value::parse(chat, arena, ErrorSource::client);
    EXPECT_TRUE(tree.has_value()) << chat;
    const auto request = client_dialect(Dialect::chat)->decode_request(**tree, translation);
    EXPECT_TRUE(request.has_value()) << translation.refused_message();
    const Target target = {
        .vendor = &vendor, .model = model, .is_stream = (**tree)["stream"].is_true()};
    json::StringText output(trial.body);
    ChatRequest asked = **request;
    asked.continues_answer = continues_answer;
    const Status done =
        upstream_dialect(vendor.dialect)->encode_request(asked, target, translation, output);
    if (!done) {
        trial.refusal = std::string(translation.refused_param()) + " " +
                        std::string(translation.refused_code());
    }
    for (const std::string_view param : translation.dropped()) {
        trial.dropped += (trial.dropped.empty() ? "" : " ") + std::string(param);
    }
    return trial;
}

FailureTrial stream_failure(const Vendor& vendor, std::string_view bytes) {
    std::string text;
    return run_stream(vendor, bytes, text);
}

std::string stream_aggregate(const Vendor& vendor, std::string_view bytes) {
    std::string text;
    const FailureTrial failure = run_stream(vendor, bytes, text);
    const Aggregate aggregate = aggregate_chat(text, failure.code.empty());
    EXPECT_EQ(aggregate.problem, "") << text;
    return aggregate.json;
}

std::string whole_reply(const Vendor& vendor, std::string_view body) {
    Arena arena;
    const Target target = {.vendor = &vendor, .model = "m"};
    std::string text;
    Usage usage;
    ProviderError failure;
    json::StringText output(text);
    EXPECT_TRUE(transcode_whole(*client_dialect(Dialect::chat), *upstream_dialect(vendor.dialect),
                                target, kContext, body, output, arena, usage, failure))
        << failure.message;
    output.finish();
    return text;
}

std::string whole_reply(const Vendor& vendor, std::string_view body, std::string_view key) {
    Arena arena;
    const std::string text = whole_reply(vendor, body);
    const auto tree = Value::parse(text, arena, ErrorSource::upstream);
    EXPECT_TRUE(tree.has_value()) << text;
    const Value& choice = *(**tree)["choices"].begin();
    const Value& in_message = choice["message"][key];
    return std::string(in_message.is_present() ? in_message.raw() : choice[key].raw());
}

}  // namespace sluice::providers::test
