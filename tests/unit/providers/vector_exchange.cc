// The path of an exchange without sockets.
#include "unit/providers/vector_exchange.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/prng.h"
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

// Every byte below this size, a few random splits above.
constexpr size_t kEverySplitBytesMax = 16 * 1024;
constexpr int kRandomSplits = 8;

Target target_of(const VectorCase& exchange, const Vendor& vendor) {
    return {.vendor = &vendor,
            .model = exchange["client_request"]["body"]["model"].text().raw,
            .is_stream = exchange.is_stream()};
}

ReplyContext context_of(const VectorCase& exchange) {
    const Value& body = exchange["client_request"]["body"];
    return {.fallback_id = "0123456789abcdef",
            .requested_model = body["model"].text().raw,
            .now_s = 1'755'000'000,
            .include_usage = body["stream_options"]["include_usage"].is_true(),
            .uses_functions = body["functions"].is_array(),
            .is_stream = exchange.is_stream()};
}

void keep(ReceivedReply& reply, const ProviderError& error) {
    reply.failed = true;
    reply.error = error;
    reply.error_message = error.message;
    reply.error_code = error.code;
    reply.error_type = error.type;
    reply.error_param = error.param;
}

std::string blame_name(Blame blame) {
    switch (blame) {
        case Blame::none:
            return "none";
        case Blame::failure:
            return "failure";
        case Blame::throttle:
            return "throttle";
        case Blame::credential:
            return "credential";
        case Blame::config:
            return "config";
    }
    return "";
}

void check_classification(const VectorCase& exchange, const ProviderError& error) {
    const Value& expected = exchange["classification"];
    if (!expected.is_object()) {
        return;
    }
    EXPECT_EQ(error.retry != RetryAdvice::never, expected["retryable"].is_true());
    EXPECT_EQ(error.may_fall_back, expected["fallback"].is_true());
    EXPECT_EQ(blame_name(error.blame), exchange.text(expected["breaker"]));
    if (expected["status"].is_number()) {
        EXPECT_EQ(error.status, expected["status"].integer());
    }
}

void check_error_body(const VectorCase& exchange,
                      const VectorExchange& driver,
                      const ProviderError& error) {
    const json::Value* body = &exchange["client_response"]["body"];
    if (!body->is_object()) {
        return;
    }
    std::string text;
    {
        json::StringText output(text);
        driver.client().encode_error(error, "req_1", output);
    }
    EXPECT_EQ(difference(*body, text, Extras::allowed), "");
    EXPECT_EQ(driver.client().status(error.status),
              exchange["client_response"]["status"].integer());
}

void check_error_response(const VectorCase& exchange, const VectorExchange& driver) {
    Arena arena;
    const std::string body = exchange.upstream_body();
    const auto status = static_cast<uint16_t>(*exchange["upstream_response"]["status"].integer());
    ErrorWords words = read_error_words(body, arena);
    if (!words.is_recognised) {
        words.message = body;
    }
    const ProviderError error = classify_error(status, words, arena);
    check_error_body(exchange, driver, error);
    check_classification(exchange, error);
}

void check_stream_text(const VectorCase& exchange, Dialect client, const ReceivedReply& reply) {
    const Value& response = exchange["client_response"];
    const bool has_error = response["error_event"].is_object() ||
                           (client == Dialect::messages && response["aggregate"].is_nothing());
    const Aggregate seen = client == Dialect::messages ? aggregate_messages(reply.text, !has_error)
                                                       : aggregate_chat(reply.text, !has_error);
    EXPECT_EQ(seen.problem, "") << reply.text;
    EXPECT_EQ(reply.failed, has_error) << reply.text;
    if (response["aggregate"].is_object()) {
        EXPECT_EQ(difference(response["aggregate"], seen.json, Extras::allowed), "") << reply.text;
    }
    if (has_error && response["error_event"].is_object()) {
        const Value& error = response["error_event"]["error"];
        EXPECT_EQ(reply.error_type, exchange.text(error["type"]));
        EXPECT_EQ(reply.error_code, exchange.text(error["code"]));
        EXPECT_EQ(reply.error_param, exchange.text(error["param"]));
        EXPECT_NE(reply.error_message, "");
        check_classification(exchange, reply.error);
    }
}

void check_stream(const VectorCase& exchange, Dialect client, const VectorExchange& driver) {
    const std::string body = exchange.upstream_body();
    const ReceivedReply whole = driver.receive({body.size() + 1});
    check_stream_text(exchange, client, whole);
    EXPECT_EQ(driver.receive({1}).text, whole.text) << "byte by byte";
    if (body.size() <= kEverySplitBytesMax) {
        for (size_t at = 1; at < body.size(); ++at) {
            ASSERT_EQ(driver.receive({at, body.size()}).text, whole.text) << "split at " << at;
        }
        return;
    }
    Prng prng(body.size());
    for (int i = 0; i < kRandomSplits; ++i) {
        std::vector<size_t> pieces;
        for (int piece = 0; piece < 64; ++piece) {
            pieces.push_back(1 + prng.below(2048));
        }
        ASSERT_EQ(driver.receive(pieces).text, whole.text) << "random split " << i;
    }
}

}  // namespace

VectorExchange::VectorExchange(const VectorCase& exchange, const Vendor& vendor, Dialect client)
    : exchange_(exchange),
      vendor_(vendor),
      client_(client_dialect(client)),
      upstream_(upstream_dialect(vendor.dialect)) {}

SentRequest VectorExchange::send() const {
    Arena arena;
    Translation translation(arena);
    SentRequest sent;
    const Target target = target_of(exchange_, vendor_);
    const auto request = client_->decode_request(exchange_["client_request"]["body"], translation);
    Status done = request ? Status() : fail(request.error());
    if (done) {
        json::StringText output(sent.body);
        done = upstream_->encode_request(**request, target, translation, output);
    }
    sent.refused = !done;
    sent.refused_param = translation.refused_param();
    sent.refused_message = translation.refused_message();
    for (const std::string_view param : translation.dropped()) {
        sent.dropped.emplace_back(param);
    }
    json::StringText path(sent.path);
    vendor_.path({.operation = Operation::chat,
                  .model = target.model,
                  .stream = target.is_stream,
                  .api_version = "<api-version>",
                  .project = "<project>",
                  .location = "<location>"},
                 path);
    return sent;
}

ReceivedReply VectorExchange::receive(const std::vector<size_t>& pieces) const {
    Arena arena;
    ReceivedReply reply;
    const std::string body = exchange_.upstream_body();
    const Target target = target_of(exchange_, vendor_);
    const ReplyContext context = context_of(exchange_);
    json::StringText output(reply.text);
    if (!exchange_.is_stream()) {
        ProviderError failure;
        if (!transcode_whole(*client_, *upstream_, target, context, body, output, arena,
                             reply.usage, failure)) {
            keep(reply, failure);
        }
        return reply;
    }
    StreamTranscoder transcoder(*client_, *upstream_, target, context, output, arena);
    std::string_view left = body;
    for (size_t i = 0; !left.empty(); ++i) {
        // Each piece in memory of its own, so that nothing can look beyond its end.
        const std::string piece(left.substr(0, pieces[std::min(i, pieces.size() - 1)]));
        transcoder.feed(piece);
        left.remove_prefix(piece.size());
    }
    transcoder.end();
    reply.usage = transcoder.usage();
    reply.started = transcoder.has_started();
    if (transcoder.has_failed()) {
        keep(reply, transcoder.failure());
    }
    return reply;
}

void check_exchange(const std::string& name, const Vendor& vendor) {
    SCOPED_TRACE(name);
    const VectorCase exchange(name);
    const std::string path = exchange.text(exchange["client_request"]["path"]);
    const Dialect client = path == "/v1/messages" ? Dialect::messages : Dialect::chat;
    const VectorExchange driver(exchange, vendor, client);
    const SentRequest sent = driver.send();
    EXPECT_FALSE(sent.refused) << sent.refused_param << ": " << sent.refused_message;
    EXPECT_EQ(difference(exchange["upstream_request"]["body"], sent.body, Extras::refused), "");
    const std::string url = exchange.text(exchange["upstream_request"]["url"]);
    EXPECT_TRUE(url.ends_with(sent.path)) << url << " does not end with " << sent.path;
    if (exchange["upstream_response"]["status"].integer() != 200) {
        check_error_response(exchange, driver);
    } else if (exchange.is_stream()) {
        check_stream(exchange, client, driver);
    } else {
        const ReceivedReply reply = driver.receive({});
        if (reply.failed) {
            EXPECT_NE(exchange["client_response"]["status"].integer(), 200) << reply.error_message;
            check_error_body(exchange, driver, reply.error);
            check_classification(exchange, reply.error);
        } else {
            EXPECT_EQ(difference(exchange["client_response"]["body"], reply.text, Extras::allowed),
                      "");
        }
    }
}

}  // namespace sluice::providers::test
