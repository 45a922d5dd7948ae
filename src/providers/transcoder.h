// ReplyTranscoder: a reply in, in the provider's dialect; the same reply out, in the client's.
//
// For streams, bytes go in as they arrive and text comes out as soon as it means something. Until
// then (has_started()) nothing has been said to the client, so a failure can still be answered
// with a status of its own. One per exchange, in its frame; memory comes from its arena, and per
// message from a scratch that is kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/message_framer.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::providers {

class StreamTranscoder {
public:
    // Everything given must outlive it.
    StreamTranscoder(const ClientDialect& client,
                     const UpstreamDialect& upstream,
                     const Target& target,
                     const ReplyContext& context,
                     json::TextOutput& output,
                     Arena& arena);

    // Bytes of the body. What they do not allow becomes the failure of the reply.
    void feed(std::string_view piece);
    // No more will come.
    void end();
    // The connection failed, or a limit passed: what the client is told in the stream.
    void fail_with(const ProviderError& error) { order_.error(error); }

    bool has_started() const { return order_.has_started(); }
    bool is_over() const { return order_.is_over(); }
    bool has_failed() const { return order_.has_failed(); }
    const ProviderError& failure() const { return order_.failure(); }
    const Usage& usage() const { return order_.usage_so_far(); }
    uint64_t messages() const { return messages_; }

private:
    void take(const WireMessage& message);
    void look_at_beginning(std::string_view piece);
    void fail_malformed(const Error& error);

    Arena& arena_;
    Arena scratch_;
    const Framing framing_;
    MessageFramer framer_;
    StreamEncoder& encoder_;
    ReplyOrder order_;
    ReplyDecoder& decoder_;
    uint64_t messages_ = 0;
    // Of a body that begins as no stream does: one JSON object, which may be an error.
    bool has_begun_ = false;
    bool is_object_ = false;
    std::string object_;
};

// A reply that came whole. True: `output` holds the client's body. False: `failure` says why not.
bool transcode_whole(const ClientDialect& client,
                     const UpstreamDialect& upstream,
                     const Target& target,
                     const ReplyContext& context,
                     std::string_view body,
                     json::TextOutput& output,
                     Arena& arena,
                     Usage& usage,
                     ProviderError& failure);

}  // namespace sluice::providers
