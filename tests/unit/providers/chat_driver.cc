// The same steps as the gateway's, without the gateway.
#include "unit/providers/chat_driver.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

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

namespace sluice::providers::test {

namespace {

ReplyContext context_of(const ReplyOptions& options, bool is_stream) {
    return {.fallback_id = "0123456789abcdef",
            .requested_model = "model",
            .now_s = 1'755'000'000,
            .include_usage = options.include_usage,
            .uses_functions = options.uses_functions,
            .is_stream = is_stream};
}

void keep(Received& received, const ProviderError& error) {
    received.failed = true;
    received.code = error.code;
    received.message = error.message;
}

}  // namespace

Translated translate_request(std::string_view body, std::string_view vendor) {
    Arena arena;
    Translation translation(arena);
    Translated result;
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    if (!tree) {
        result.refused = true;
        result.message = "not JSON";
        return result;
    }
    const auto request = client_dialect(Dialect::chat)->decode_request(**tree, translation);
    Status done = request ? Status() : fail(request.error());
    if (done) {
        json::StringText output(result.body);
        const Target target = {
            .vendor = find_vendor(vendor), .model = "model", .is_stream = (*request)->stream};
        done =
            upstream_dialect(Dialect::chat)->encode_request(**request, target, translation, output);
    }
    result.refused = !done;
    result.param = translation.refused_param();
    result.message = translation.refused_message();
    for (const std::string_view param : translation.dropped()) {
        result.dropped.emplace_back(param);
    }
    return result;
}

Received stream_reply(const std::vector<std::string>& events, const ReplyOptions& options) {
    Arena arena;
    Received received;
    const Target target = {
        .vendor = find_vendor(options.vendor), .model = "model", .is_stream = true};
    const ReplyContext context = context_of(options, true);
    json::StringText output(received.text);
    StreamTranscoder transcoder(*client_dialect(Dialect::chat), *upstream_dialect(Dialect::chat),
                                target, context, output, arena);
    for (std::string event : events) {
        // An event has one line here, however a test is laid out.
        std::ranges::replace(event, '\n', ' ');
        transcoder.feed("data: " + event + "\n\n");
    }
    transcoder.end();
    if (transcoder.has_failed()) {
        keep(received, transcoder.failure());
    }
    output.finish();
    return received;
}

Received whole_reply(std::string_view body, const ReplyOptions& options) {
    Arena arena;
    Received received;
    const Target target = {.vendor = find_vendor(options.vendor), .model = "model"};
    const ReplyContext context = context_of(options, false);
    json::StringText output(received.text);
    Usage usage;
    ProviderError failure;
    if (!transcode_whole(*client_dialect(Dialect::chat), *upstream_dialect(Dialect::chat), target,
                         context, body, output, arena, usage, failure)) {
        keep(received, failure);
    }
    output.finish();
    return received;
}

}  // namespace sluice::providers::test
