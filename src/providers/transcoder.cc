// Framer, decoder, order and encoder in a row.
#include "providers/transcoder.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/message_framer.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

// Many times what a model says in one reply.
constexpr uint64_t kKeptBytesMax = uint64_t{16} * 1024 * 1024;
// Errors are short.
constexpr size_t kErrorBytesMax = size_t{64} * 1024;

std::string_view message_word(Framing framing) {
    switch (framing) {
        case Framing::ndjson:
            return "a line";
        case Framing::aws_event_stream:
        case Framing::aws_chunks:
            return "a frame";
        case Framing::sse:
            break;
    }
    return "an event";
}

// What a parser says is about a place; whose text it was, and which, only we know.
ProviderError malformed(const Error& error, std::string_view what, Arena& arena) {
    if (error.kind != ErrorKind::invalid_json) {
        return invalid_reply(error.where);
    }
    return invalid_reply(
        arena.join({"The upstream sent ", what, " that is not JSON: ", error.where, "."}));
}

// Puts the filters in a row before `last`; returns what comes first.
ReplySink& in_a_row(std::span<ReplyFilter* const> filters, ReplySink& last) {
    ReplySink* next = &last;
    for (size_t i = filters.size(); i > 0; --i) {
        filters[i - 1]->lead_to(*next);
        next = filters[i - 1];
    }
    return *next;
}

}  // namespace

const ProviderError* refusal_of(std::span<ReplyFilter* const> filters) {
    for (const ReplyFilter* filter : filters) {
        if (const ProviderError* const refusal = filter->refusal()) {
            return refusal;
        }
    }
    return nullptr;
}

StreamTranscoder::StreamTranscoder(const ClientDialect& client,
                                   const UpstreamDialect& upstream,
                                   const Target& target,
                                   const ReplyContext& context,
                                   json::TextOutput& output,
                                   Arena& arena,
                                   std::span<ReplyFilter* const> filters)
    : StreamTranscoder(client.make_stream_encoder(context, output, arena),
                       upstream,
                       target,
                       context,
                       output,
                       arena,
                       filters) {}

StreamTranscoder::StreamTranscoder(StreamEncoder& encoder,
                                   const UpstreamDialect& upstream,
                                   const Target& target,
                                   const ReplyContext& context,
                                   json::TextOutput& output,
                                   Arena& arena,
                                   std::span<ReplyFilter* const> filters)
    : arena_(arena),
      output_(context.passes_on ? &output : nullptr),
      framing_(upstream.framing),
      framer_(upstream.framing),
      filters_(filters),
      encoder_(encoder),
      order_(in_a_row(filters, encoder_), arena),
      decoder_(upstream.make_decoder(order_, target, arena)) {}

void StreamTranscoder::fail_malformed(const Error& error) {
    order_.error(malformed(error, message_word(framing_), arena_));
}

// A service that fails before it streams may say so in one object, with a status of 200. Lines of
// JSON look the same, and their decoders know errors themselves.
void StreamTranscoder::look_at_beginning(std::string_view piece) {
    if (!has_begun_ && !piece.empty()) {
        has_begun_ = true;
        is_object_ = piece.front() == '{' && framing_ != Framing::ndjson;
    }
    if (is_object_ && object_.size() < kErrorBytesMax) {
        object_ += piece.substr(0, kErrorBytesMax - object_.size());
    }
}

void StreamTranscoder::take(const WireMessage& message) {
    ++messages_;
    if (const Status done = decoder_.on_message(message.name, message.data, scratch_); !done) {
        fail_malformed(done.error());
    } else if (encoder_.kept_bytes() + unsaid_.size() > kKeptBytesMax) {
        order_.error(invalid_reply("The reply is longer than the gateway keeps of a stream."));
    } else if (output_ != nullptr && !order_.has_failed()) {
        pass_on(message);
    }
    scratch_.clear();
}

// What comes before the first content waits for it: until then the reply may fail.
void StreamTranscoder::pass_on(const WireMessage& message) {
    std::string_view name = message.name;
    if (name.empty()) {
        // The decoder has read it: it is JSON.
        const auto event = json::Value::parse(message.data, scratch_, ErrorSource::upstream);
        name = event ? (**event)["type"].text().raw : std::string_view();
    }
    unsaid_.append("event: ").append(name).append("\ndata: ");
    unsaid_.append(message.data).append("\n\n");
    if (order_.has_started()) {
        output_->append(unsaid_);
        unsaid_.clear();
    }
}

void StreamTranscoder::feed(std::string_view piece) {
    if (messages_ == 0) {
        look_at_beginning(piece);
        if (is_object_ && is_aws(framing_)) {
            return;  // No frame is as large as these four bytes say.
        }
    }
    while (!is_over()) {
        WireMessage message;
        const Result<bool> found = framer_.next(piece, message);
        if (!found) {
            fail_malformed(found.error());
            return;
        }
        if (!*found) {
            return;
        }
        take(message);
    }
}

void StreamTranscoder::end() {
    if (is_over()) {
        return;
    }
    if (is_object_ && messages_ == 0) {
        const ErrorWords words = read_error_words(object_, scratch_);
        if (words.is_recognised) {
            order_.error(classify_error(0, words, arena_));
            return;
        }
    }
    WireMessage message;
    const Result<bool> found = framer_.finish(message);
    if (found && *found) {
        take(message);
    }
    // A stream cut inside a message has not said that it is complete, and ends as such.
    decoder_.on_end();
}

bool WholeReply::decode(const UpstreamDialect& upstream,
                        const Target& target,
                        std::span<ReplyFilter* const> filters,
                        std::string_view body) {
    ReplyOrder order(in_a_row(filters, collector_), *arena_);
    ReplyDecoder& decoder = upstream.make_decoder(order, target, *arena_);
    if (const Status done = decoder.on_whole(body, *arena_); !done) {
        order.error(malformed(done.error(), "a reply", *arena_));
    }
    decoder.on_end();
    usage_ = order.usage_so_far();
    const ProviderError* const refusal = refusal_of(filters);
    if (refusal != nullptr || order.has_failed()) {
        failure_ = refusal != nullptr ? *refusal : order.failure();
        return false;
    }
    reply_ = collector_.reply();
    return true;
}

bool WholeReply::encode(const ClientDialect& client,
                        const ReplyContext& context,
                        json::TextOutput& output) {
    const Status sayable =
        client.check_reply == nullptr ? Status() : client.check_reply(reply_, *arena_);
    if (!sayable) {
        failure_ = invalid_reply(sayable.error().where);
        return false;
    }
    client.encode_reply(reply_, context, output, *arena_);
    return true;
}

// NOLINTNEXTLINE(readability-function-size): what crosses, from where, to where, and its outcome.
bool transcode_whole(const ClientDialect& client,
                     const UpstreamDialect& upstream,
                     const Target& target,
                     const ReplyContext& context,
                     std::string_view body,
                     json::TextOutput& output,
                     Arena& arena,
                     Usage& usage,
                     ProviderError& failure) {
    WholeReply whole(arena);
    const bool done =
        whole.decode(upstream, target, {}, body) && whole.encode(client, context, output);
    usage = whole.usage();
    failure = whole.failure();
    return done;
}

namespace {

// The service whose dialect it is, as it was at first: what is read was written by us or relayed.
Target target_of(const UpstreamDialect& dialect, bool is_stream) {
    const bool is_messages = dialect.id == Dialect::messages;
    return {.vendor = find_vendor(is_messages ? "anthropic" : "openai"), .is_stream = is_stream};
}

}  // namespace

// NOLINTNEXTLINE(readability-function-size): as above.
bool stream_of_whole(const ClientDialect& client,
                     const UpstreamDialect& upstream,
                     const ReplyContext& context,
                     std::string_view body,
                     json::TextOutput& output,
                     Arena& arena) {
    StreamEncoder& encoder = client.make_stream_encoder(context, output, arena);
    ReplyOrder order(encoder, arena);
    const Target target = target_of(upstream, false);
    ReplyDecoder& decoder = upstream.make_decoder(order, target, arena);
    if (!decoder.on_whole(body, arena)) {
        return false;
    }
    decoder.on_end();
    return !order.has_failed();
}

std::optional<Reply> read_reply(const UpstreamDialect& upstream,
                                std::string_view body,
                                bool is_stream,
                                Arena& arena) {
    ReplyCollector collector(arena);
    ReplyOrder order(collector, arena);
    const Target target = target_of(upstream, is_stream);
    ReplyDecoder& decoder = upstream.make_decoder(order, target, arena);
    MessageFramer framer(upstream.framing);
    Arena scratch;
    WireMessage message;
    if (!is_stream && !decoder.on_whole(body, arena)) {
        return std::nullopt;
    }
    while (is_stream && !order.is_over()) {
        const Result<bool> found = framer.next(body, message);
        if (!found || (*found && !decoder.on_message(message.name, message.data, scratch))) {
            return std::nullopt;
        }
        if (!*found) {
            break;
        }
        scratch.clear();
    }
    decoder.on_end();
    if (order.has_failed()) {
        return std::nullopt;
    }
    return collector.reply();
}

// NOLINTNEXTLINE(readability-function-size): as above.
bool whole_of_stream(const ClientDialect& client,
                     const UpstreamDialect& upstream,
                     const ReplyContext& context,
                     std::string_view events,
                     json::TextOutput& output,
                     Arena& arena) {
    const std::optional<Reply> reply = read_reply(upstream, events, true, arena);
    if (!reply || (client.check_reply != nullptr && !client.check_reply(*reply, arena))) {
        return false;
    }
    client.encode_reply(*reply, context, output, arena);
    return true;
}

}  // namespace sluice::providers
