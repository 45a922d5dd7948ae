// The steps of the gateway for one client dialect, without the gateway.
#include "unit/providers/client_trial.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "http/sse_framer.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/message_framer.h"
#include "providers/reply.h"
#include "providers/translation.h"
#include "providers/vendor.h"
#include "unit/providers/vector_case.h"
#include "unit/providers/vector_exchange.h"

namespace sluice::providers::test {

namespace {

using json::Value;

// All readings of one stream together take no more bytes than this.
constexpr size_t kSplitBytesMax = size_t{4} * 1024 * 1024;

constexpr std::pair<std::string_view, std::string_view> kGroups[] = {
    {"anthropic", "anthropic"},
    {"compat", "openai_compatible"},
    {"gemini", "gemini"},
    {"openai", "openai"},
};

}  // namespace

std::string ClientTrial::difference(std::string_view expected) const {
    Arena arena;
    const auto tree = Value::parse(expected, arena, ErrorSource::client);
    EXPECT_TRUE(tree.has_value()) << expected;
    return refusal.empty() ? test::difference(**tree, body, Extras::refused)
                           : "refused: " + refusal + ": " + message;
}

ClientTrial translate_for(Dialect client, std::string_view vendor, std::string_view body) {
    Arena arena;
    Translation translation(arena);
    ClientTrial trial;
    const auto tree = Value::parse(body, arena, ErrorSource::client);
    EXPECT_TRUE(tree.has_value()) << body;
    const auto request = client_dialect(client)->decode_request(**tree, translation);
    Status done = request ? Status() : fail(request.error());
    if (done) {
        const Target target = {
            .vendor = find_vendor(vendor), .model = "m", .is_stream = (*request)->stream};
        json::StringText output(trial.body);
        done = upstream_dialect(target.vendor->dialect)
                   ->encode_request(**request, target, translation, output);
    }
    if (!done) {
        trial.refusal = std::string(translation.refused_param()) + " " +
                        std::string(translation.refused_code());
        trial.message = translation.refused_message();
    }
    for (const std::string_view param : translation.dropped()) {
        trial.dropped += (trial.dropped.empty() ? "" : " ") + std::string(param);
    }
    return trial;
}

std::vector<std::string> stream_names() {
    std::vector<std::string> names;
    for (const auto& [group, vendor] : kGroups) {
        for (const std::string& name : vector_names(group)) {
            const VectorCase exchange(name);
            if (exchange.is_stream() && exchange["upstream_response"]["status"].integer() == 200) {
                names.push_back(name);
            }
        }
    }
    return names;
}

const Vendor& stream_vendor(const std::string& name) {
    for (const auto& [group, vendor] : kGroups) {
        if (name.starts_with(group)) {
            return *find_vendor(vendor);
        }
    }
    return *find_vendor("openai_compatible");
}

std::string plain_name(const std::string& name) {
    std::string plain = name.substr(0, name.rfind('.'));
    for (char& c : plain) {
        c = c == '-' || c == '/' ? '_' : c;
    }
    return plain;
}

std::string whole_of_stream(const VectorCase& exchange, const Vendor& vendor, Dialect client) {
    Arena arena;
    const Target target = {.vendor = &vendor, .model = "m", .is_stream = true};
    const UpstreamDialect& upstream = *upstream_dialect(vendor.dialect);
    ReplyCollector collector(arena);
    ReplyOrder order(collector, arena);
    ReplyDecoder& decoder = upstream.make_decoder(order, target, arena);
    MessageFramer framer(upstream.framing);
    const std::string body = exchange.upstream_body();
    std::string_view rest = body;
    Arena scratch;
    WireMessage message;
    while (!rest.empty() && !order.is_over()) {
        const Result<bool> found = framer.next(rest, message);
        if (!found || (*found && !decoder.on_message(message.name, message.data, scratch))) {
            return "";
        }
        scratch.clear();
    }
    if (const Result<bool> found = framer.finish(message); found && *found) {
        EXPECT_TRUE(decoder.on_message(message.name, message.data, scratch).has_value());
    }
    decoder.on_end();
    std::string text;
    if (!order.has_failed()) {
        const ReplyContext context = {
            .fallback_id = "0123456789abcdef", .requested_model = "m", .now_s = 1'755'000'000};
        json::StringText output(text);
        client_dialect(client)->encode_reply(collector.reply(), context, output, arena);
    }
    return text;
}

std::string receive_at_every_split(const VectorCase& exchange,
                                   const Vendor& vendor,
                                   Dialect client) {
    const VectorExchange driver(exchange, vendor, client);
    const std::string body = exchange.upstream_body();
    const std::string text = driver.receive({body.size() + 1}).text;
    EXPECT_EQ(driver.receive({1}).text, text) << "byte by byte";
    const size_t stride = 1 + body.size() * body.size() / kSplitBytesMax;
    for (size_t at = 1; at < body.size(); at += stride) {
        if (driver.receive({at, body.size()}).text != text) {
            ADD_FAILURE() << "differs when split at " << at;
            break;
        }
    }
    return text;
}

std::vector<WireEvent> wire_events(std::string_view stream) {
    std::vector<WireEvent> events;
    http::SseParser parser;
    http::SseEvent event;
    while (!stream.empty()) {
        const auto step = parser.feed(stream, event);
        stream.remove_prefix(step->consumed);
        if (step->has_event) {
            events.push_back({std::string(event.name), std::string(event.data)});
        }
    }
    if (!parser.at_boundary()) {
        events.push_back({"", "the stream ends inside an event"});
    }
    return events;
}

}  // namespace sluice::providers::test
