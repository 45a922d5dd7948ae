// Framer, decoder, order and encoder in a row.
#include "providers/transcoder.h"

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/message_framer.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::providers {

namespace {

// Many times what a model says in one reply.
constexpr uint64_t kKeptBytesMax = uint64_t{16} * 1024 * 1024;

}  // namespace

StreamTranscoder::StreamTranscoder(const ClientDialect& client,
                                   const UpstreamDialect& upstream,
                                   const Target& target,
                                   const ReplyContext& context,
                                   json::TextOutput& output,
                                   Arena& arena)
    : framer_(upstream.framing),
      encoder_(client.make_stream_encoder(context, output, arena)),
      order_(encoder_, arena),
      decoder_(upstream.make_decoder(order_, target, arena)) {}

void StreamTranscoder::fail_malformed(const Error& error) {
    order_.error(invalid_reply(error.where));
}

void StreamTranscoder::take(const WireMessage& message) {
    ++messages_;
    if (const Status done = decoder_.on_message(message.name, message.data, scratch_); !done) {
        fail_malformed(done.error());
    } else if (encoder_.kept_bytes() > kKeptBytesMax) {
        order_.error(invalid_reply("The reply is longer than the gateway keeps of a stream."));
    }
    scratch_.clear();
}

void StreamTranscoder::feed(std::string_view piece) {
    while (!order_.is_over()) {
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
    if (order_.is_over()) {
        return;
    }
    WireMessage message;
    const Result<bool> found = framer_.finish(message);
    if (found && *found) {
        take(message);
    }
    // A stream cut inside a message has not said that it is complete, and ends as such.
    decoder_.on_end();
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
    ReplyCollector collector(arena);
    ReplyOrder order(collector, arena);
    ReplyDecoder& decoder = upstream.make_decoder(order, target, arena);
    if (const Status done = decoder.on_whole(body, arena); !done) {
        order.error(invalid_reply(done.error().where));
    }
    decoder.on_end();
    usage = order.usage_so_far();
    if (order.has_failed()) {
        failure = order.failure();
        return false;
    }
    const Reply reply = collector.reply();
    const Status sayable =
        client.check_reply == nullptr ? Status() : client.check_reply(reply, arena);
    if (!sayable) {
        failure = invalid_reply(sayable.error().where);
        return false;
    }
    client.encode_reply(reply, context, output, arena);
    return true;
}

}  // namespace sluice::providers
