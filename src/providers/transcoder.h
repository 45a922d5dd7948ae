// ReplyTranscoder: a reply in, in the provider's dialect; the same reply out, in the client's.
//
// For streams, bytes go in as they arrive and text comes out as soon as it means something. Until
// then (has_started()) nothing has been said to the client, so a failure can still be answered
// with a status of its own. One per exchange, in its frame; memory comes from its arena, and per
// message from a scratch that is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
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
#include "providers/reply_filter.h"

namespace sluice::providers {

// Of the first filter that has refused; null when none has.
const ProviderError* refusal_of(std::span<ReplyFilter* const> filters);

class StreamTranscoder {
public:
    // Everything given must outlive it.
    StreamTranscoder(const ClientDialect& client,
                     const UpstreamDialect& upstream,
                     const Target& target,
                     const ReplyContext& context,
                     json::TextOutput& output,
                     Arena& arena,
                     std::span<ReplyFilter* const> filters = {});
    // Goes on with an encoder that other replies may have written to before, to `output`.
    StreamTranscoder(StreamEncoder& encoder,
                     const UpstreamDialect& upstream,
                     const Target& target,
                     const ReplyContext& context,
                     json::TextOutput& output,
                     Arena& arena,
                     std::span<ReplyFilter* const> filters);

    // Bytes of the body. What they do not allow becomes the failure of the reply.
    void feed(std::string_view piece);
    // No more will come.
    void end();
    // The connection failed, or a limit passed: what the client is told in the stream.
    void fail_with(const ProviderError& error) { order_.error(error); }

    // Anything was said to the client.
    bool has_started() const {
        return filters_.empty() ? order_.has_started() : filters_.back()->has_started();
    }
    bool is_over() const { return order_.is_over() || has_refused(); }
    bool has_failed() const { return order_.has_failed() || has_refused(); }
    // A filter did not let the reply pass.
    bool has_refused() const { return refusal_of(filters_) != nullptr; }
    const ProviderError& failure() const {
        const ProviderError* const refusal = refusal_of(filters_);
        return refusal != nullptr ? *refusal : order_.failure();
    }
    const Usage& usage() const { return order_.usage_so_far(); }
    uint64_t messages() const { return messages_; }

private:
    void take(const WireMessage& message);
    void pass_on(const WireMessage& message);
    void look_at_beginning(std::string_view piece);
    void fail_malformed(const Error& error);

    Arena& arena_;
    Arena scratch_;
    json::TextOutput* output_;  // For events that stay as they are; else null.
    std::string unsaid_;
    const Framing framing_;
    MessageFramer framer_;
    std::span<ReplyFilter* const> filters_;
    StreamEncoder& encoder_;
    ReplyOrder order_;
    ReplyDecoder& decoder_;
    uint64_t messages_ = 0;
    // Of a body that begins as no stream does: one JSON object, which may be an error.
    bool has_begun_ = false;
    bool is_object_ = false;
    std::string object_;
};

// A reply that came whole, in canonical form, after the filters. False: `failure` says why not.
class WholeReply {
public:
    explicit WholeReply(Arena& arena) : collector_(arena), arena_(&arena) {}

    bool decode(const UpstreamDialect& upstream,
                const Target& target,
                std::span<ReplyFilter* const> filters,
                std::string_view body);
    const Reply& reply() const { return reply_; }
    // Puts others in the place of its choices.
    void set_choices(std::span<const ReplyChoice> choices) { reply_.choices = choices; }
    // `output` gets the client's body.
    bool encode(const ClientDialect& client, const ReplyContext& context, json::TextOutput& output);

    const Usage& usage() const { return usage_; }
    const ProviderError& failure() const { return failure_; }

private:
    ReplyCollector collector_;
    Arena* arena_;
    Reply reply_;
    Usage usage_;
    ProviderError failure_;
};

// Both in one.
bool transcode_whole(const ClientDialect& client,
                     const UpstreamDialect& upstream,
                     const Target& target,
                     const ReplyContext& context,
                     std::string_view body,
                     json::TextOutput& output,
                     Arena& arena,
                     Usage& usage,
                     ProviderError& failure);

// What a reply says that came whole, or in events; texts lie in the arena or in `body`. Nothing
// when it is not a whole and good one.
std::optional<Reply> read_reply(const UpstreamDialect& upstream,
                                std::string_view body,
                                bool is_stream,
                                Arena& arena);

// The same reply in the other form, in one dialect that both sides speak: the events of a reply
// that came whole, and the whole of one that came in events. False when it does not say all it
// must.
bool stream_of_whole(const ClientDialect& client,
                     const UpstreamDialect& upstream,
                     const ReplyContext& context,
                     std::string_view body,
                     json::TextOutput& output,
                     Arena& arena);
bool whole_of_stream(const ClientDialect& client,
                     const UpstreamDialect& upstream,
                     const ReplyContext& context,
                     std::string_view events,
                     json::TextOutput& output,
                     Arena& arena);

}  // namespace sluice::providers
