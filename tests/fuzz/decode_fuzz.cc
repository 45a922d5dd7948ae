// Replies of providers: any bytes, in the dialect that the first byte chooses, as a stream and as a
// whole, toward clients of either API. What the client gets is always well-formed, ends once, and
// is the same however the bytes are cut.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/prng.h"
#include "fuzz/require.h"
#include "http/sse_framer.h"
#include "json/validator.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/transcoder.h"
#include "providers/vendor.h"
#include "support/splits.h"

namespace sluice::fuzz {
namespace {

using providers::Dialect;

constexpr size_t kInputBytesMax = 1 << 13;

// One for each dialect; a seed's first byte counts from 'a'.
constexpr std::string_view kVendors[] = {"openai_compatible", "anthropic", "gemini",
                                         "bedrock",           "ollama",    "anthropic_bedrock"};

bool is_json(std::string_view text) {
    json::Validator validator;
    return validator.feed(text) && validator.finish();
}

// Whether an event of this data is the last one of its stream.
bool is_last(Dialect client, std::string_view name, std::string_view data) {
    if (client == Dialect::messages) {
        return name == "message_stop" || name == "error";
    }
    return data == "[DONE]" || data.starts_with("{\"error\":");
}

void check_stream(Dialect client, std::string_view text) {
    http::SseParser parser;
    http::SseEvent event;
    bool is_over = false;
    while (!text.empty()) {
        const auto step = parser.feed(text, event);
        require(step.has_value(), "the client can read the stream");
        text.remove_prefix(step->consumed);
        if (!step->has_event) {
            continue;
        }
        require(!is_over, "nothing comes after the end");
        require(event.data == "[DONE]" || is_json(event.data), "an event is JSON");
        is_over = is_last(client, event.name, event.data);
    }
    require(parser.at_boundary(), "the last event is whole");
}

struct Sides {
    const providers::ClientDialect& client;
    const providers::UpstreamDialect& upstream;
    const providers::Vendor& vendor;
    bool passes_on = false;  // Events stay as they are.
};

std::string stream(const Sides& sides, const test::Pieces& pieces) {
    Arena arena;
    std::string text;
    json::StringText output(text);
    const providers::Target target = {.vendor = &sides.vendor, .model = "m", .is_stream = true};
    const providers::ReplyContext context = {.fallback_id = "id",
                                             .requested_model = "m",
                                             .include_usage = true,
                                             .is_stream = true,
                                             .passes_on = sides.passes_on};
    providers::StreamTranscoder transcoder(sides.client, sides.upstream, target, context, output,
                                           arena);
    for (size_t i = 0; i < pieces.size(); ++i) {
        transcoder.feed(pieces[i]);
    }
    transcoder.end();
    require(transcoder.is_over(), "an ended reply is over");
    require(transcoder.has_started() || output.empty(), "nothing is said before the start");
    const size_t size = output.view().size();
    for (size_t i = 0; i < pieces.size(); ++i) {
        transcoder.feed(pieces[i]);
    }
    transcoder.end();
    require(output.view().size() == size, "a reply that is over says nothing more");
    output.finish();
    return text;
}

void check_whole(const Sides& sides, std::string_view input) {
    Arena arena;
    std::string text;
    json::StringText output(text);
    const providers::Target target = {.vendor = &sides.vendor, .model = "m"};
    const providers::ReplyContext context = {.fallback_id = "id", .requested_model = "m"};
    providers::Usage usage;
    providers::ProviderError failure;
    const bool is_done = transcode_whole(sides.client, sides.upstream, target, context, input,
                                         output, arena, usage, failure);
    output.finish();
    require(!is_done || is_json(text), "a whole reply is JSON");
    require(is_done || failure.status >= 400, "a failure has a status");
    std::string body;
    json::StringText error(body);
    sides.client.encode_error(failure, "id", error);
    error.finish();
    require(is_json(body), "an error is JSON");
}

void check(std::string_view input) {
    constexpr uint32_t kCutsMax = 8;
    if (input.empty()) {
        return;
    }
    const size_t vendor = static_cast<unsigned char>(input.front() - 'a') % std::size(kVendors);
    input.remove_prefix(1);
    Prng prng = prng_of(input);
    for (const Dialect client : {Dialect::chat, Dialect::messages}) {
        const providers::Vendor& row = *providers::find_vendor(kVendors[vendor]);
        const Sides sides = {
            .client = *providers::client_dialect(client),
            .upstream = *providers::upstream_dialect(row.dialect),
            .vendor = row,
            .passes_on = client == Dialect::messages && !row.hosted_version.empty()};
        const std::string text = stream(sides, test::whole(input));
        check_stream(client, text);
        require(stream(sides, test::byte_by_byte(input)) == text, "every split is the same");
        require(stream(sides, test::random_pieces(input, kCutsMax, prng)) == text,
                "every split is the same");
        check_whole(sides, input);
    }
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size <= sluice::fuzz::kInputBytesMax) {
        sluice::fuzz::check({reinterpret_cast<const char*>(data), size});
    }
    return 0;
}
