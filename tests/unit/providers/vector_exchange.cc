// The path of an exchange without sockets.
#include "unit/providers/vector_exchange.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/prng.h"
#include "http/header_map.h"
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

// A reply is read once for each place where it can be cut, or for every so many of them, so that
// all readings together take no more bytes than this; and a few times in random pieces.
#if defined(SLUICE_SANITIZED)
constexpr size_t kSplitBytesMax = size_t{8} * 1024 * 1024;
#else
constexpr size_t kSplitBytesMax =
    size_t{16} * 1024 * 16 * 1024;  // Every place in replies up to 16 KiB.
#endif
constexpr int kRandomSplits = 8;

// The provider's name of the model. Where it is part of the URL, a route may have changed it.
std::string_view model_of(const VectorCase& exchange) {
    const std::string_view url = exchange["upstream_request"]["url"].text().raw;
    constexpr std::string_view kPlace = "/models/";
    const size_t at = url.rfind(kPlace);
    if (at != url.npos) {
        const std::string_view name = url.substr(at + kPlace.size());
        if (const size_t end = name.find_first_of(":/"); end != name.npos && name[end] == ':') {
            return name.substr(0, end);
        }
    }
    return exchange["client_request"]["body"]["model"].text().raw;
}

Target target_of(const VectorCase& exchange, const Vendor& vendor) {
    return {.vendor = &vendor, .model = model_of(exchange), .is_stream = exchange.is_stream()};
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

// `value`, a part of `whole`, given in other words.
std::string with_replaced(const Value& whole, const Value& value, std::string_view words) {
    std::string text(whole.raw());
    text.replace(static_cast<size_t>(value.raw().data() - whole.raw().data()), value.raw().size(),
                 words);
    return text;
}

std::string difference_from(const std::string& expected, const std::string& actual, Extras extras) {
    Arena arena;
    return difference(**Value::parse(expected, arena, ErrorSource::client), actual, extras);
}

// Switching usage on although the client said no is allowed: it is withheld again.
std::string request_difference(const VectorCase& exchange, const std::string& body) {
    const Value& expected = exchange["upstream_request"]["body"];
    const Value& include_usage = expected["stream_options"]["include_usage"];
    if (include_usage.is_boolean() && !include_usage.is_true()) {
        return difference_from(with_replaced(expected, include_usage, "true"), body,
                               Extras::refused);
    }
    return difference(expected, body, Extras::refused);
}

bool has_note(const VectorCase& exchange, std::string_view words) {
    for (const Value& note : exchange["notes"]) {
        if (exchange.text(note).find(words) != std::string::npos) {
            return true;
        }
    }
    return false;
}

std::string error_difference(const VectorCase& exchange, const std::string& body) {
    const Value& expected = exchange["client_response"]["body"];
    if (has_note(exchange, "message is not compared")) {
        return difference_from(with_replaced(expected, expected["error"]["message"], "\"<any>\""),
                               body, Extras::allowed);
    }
    return difference(expected, body, Extras::allowed);
}

void check_error_body(const VectorCase& exchange,
                      const VectorExchange& driver,
                      const ProviderError& error) {
    if (!exchange["client_response"]["body"].is_object()) {
        return;
    }
    std::string text;
    {
        json::StringText output(text);
        driver.client().encode_error(error, "req_1", output);
    }
    EXPECT_EQ(error_difference(exchange, text), "");
    EXPECT_EQ(driver.client().status(error.status),
              exchange["client_response"]["status"].integer());
}

// The headers of an error's response.
class ResponseHeaders {
public:
    explicit ResponseHeaders(const VectorCase& exchange) {
        for (const Value& header : exchange["upstream_response"]["headers"]) {
            EXPECT_TRUE(map.add(header.key().raw, header.text().raw));
        }
    }

private:
    std::array<http::HeaderField, 64> fields_;

public:
    http::HeaderMap map{fields_};
};

void check_retry_after(const VectorCase& exchange,
                       const http::HeaderMap& headers,
                       const std::string& body) {
    const Value& expected = exchange["classification"]["retry_after_s"];
    if (!expected.is_number()) {
        return;
    }
    EXPECT_NEAR(read_retry_after(headers, body, 0).as_seconds(), *expected.number(), 0.0005);
}

void check_error_response(const VectorCase& exchange, const VectorExchange& driver) {
    Arena arena;
    const std::string body = exchange.upstream_body();
    const auto status = static_cast<uint16_t>(*exchange["upstream_response"]["status"].integer());
    ErrorWords words = read_error_words(body, arena);
    if (!words.is_recognised) {
        words.message = body;
    }
    const ResponseHeaders headers(exchange);
    add_error_headers(headers.map, words);
    const ProviderError error = classify_error(status, words, arena);
    check_error_body(exchange, driver, error);
    check_classification(exchange, error);
    check_retry_after(exchange, headers.map, body);
    const Value& type = exchange["classification"]["upstream_type"];
    if (type.is_string()) {
        EXPECT_EQ(error.upstream_type, exchange.text(type));
    }
}

// Whether `path` is the end of `url`, where "<deployment>" and the like stand for any segment.
bool ends_with_path(std::string_view url, std::string_view path) {
    while (!path.empty() && !url.empty()) {
        if (url.back() != '>') {
            if (url.back() != path.back()) {
                return false;
            }
            url.remove_suffix(1);
            path.remove_suffix(1);
            continue;
        }
        url = url.substr(0, url.rfind('<'));
        while (!path.empty() && path.back() != '/' && path.back() != '=') {
            path.remove_suffix(1);
        }
    }
    return path.empty();
}

// The value of the URL's parameter, as a configuration would give it.
std::string api_version(const VectorCase& exchange) {
    const std::string url = exchange.text(exchange["upstream_request"]["url"]);
    constexpr std::string_view kName = "api-version=";
    const size_t at = url.find(kName);
    return at == url.npos ? "" : url.substr(at + kName.size());
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

void check_stream(const VectorCase& exchange,
                  Dialect client,
                  const VectorExchange& driver,
                  Splits splits) {
    const std::string body = exchange.upstream_body();
    const ReceivedReply whole = driver.receive({body.size() + 1});
    check_stream_text(exchange, client, whole);
    EXPECT_EQ(driver.receive({1}).text, whole.text) << "byte by byte";
    if (splits == Splits::few) {
        return;
    }
    const size_t stride = 1 + body.size() * body.size() / kSplitBytesMax;
    for (size_t at = 1; at < body.size(); at += stride) {
        ASSERT_EQ(driver.receive({at, body.size()}).text, whole.text) << "split at " << at;
    }
    Prng prng(body.size());
    for (int i = 0; i < kRandomSplits; ++i) {
        std::vector<size_t> pieces(64);
        for (size_t& piece : pieces) {
            piece = 1 + prng.below(2048);
        }
        ASSERT_EQ(driver.receive(pieces).text, whole.text) << "random split " << i;
    }
}

}  // namespace

VectorExchange::VectorExchange(const VectorCase& exchange, const Vendor& vendor, Dialect client)
    : exchange_(exchange),
      body_(exchange.upstream_body()),
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
    const std::string version = api_version(exchange_);
    json::StringText path(sent.path);
    vendor_.path({.operation = Operation::chat,
                  .model = target.model,
                  .stream = target.is_stream,
                  .api_version = version,
                  .project = "<project>",
                  .location = "<location>"},
                 path);
    return sent;
}

ReceivedReply VectorExchange::receive(const std::vector<size_t>& pieces) const {
    ReceivedReply reply;
    Arena& arena = *reply.arena;
    const Target target = target_of(exchange_, vendor_);
    const ReplyContext context = context_of(exchange_);
    json::StringText output(reply.text);
    if (!exchange_.is_stream()) {
        ProviderError failure;
        if (!transcode_whole(*client_, *upstream_, target, context, body_, output, arena,
                             reply.usage, failure)) {
            keep(reply, failure);
        }
        return reply;
    }
    StreamTranscoder transcoder(*client_, *upstream_, target, context, output, arena);
    std::string_view left = body_;
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

void check_exchange(const std::string& name, const Vendor& vendor, Splits splits) {
    SCOPED_TRACE(name);
    const VectorCase exchange(name);
    const std::string path = exchange.text(exchange["client_request"]["path"]);
    const Dialect client = path == "/v1/messages" ? Dialect::messages : Dialect::chat;
    const VectorExchange driver(exchange, vendor, client);
    const SentRequest sent = driver.send();
    EXPECT_FALSE(sent.refused) << sent.refused_param << ": " << sent.refused_message;
    EXPECT_EQ(request_difference(exchange, sent.body), "") << sent.body.substr(0, 2000);
    const std::string url = exchange.text(exchange["upstream_request"]["url"]);
    EXPECT_TRUE(ends_with_path(url, sent.path)) << url << " does not end with " << sent.path;
    if (exchange["upstream_response"]["status"].integer() != 200) {
        check_error_response(exchange, driver);
    } else if (exchange.is_stream()) {
        check_stream(exchange, client, driver, splits);
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
