// Which header fields pass through the gateway, in both directions.
//
// A deny list, as in every proxy: unknown fields are end-to-end and pass (RFC 9110 section 7.6.1).
// What never passes: hop-by-hop fields, framing, and credentials of either side.
#pragma once

#include <span>
#include <string_view>

#include "base/arena.h"
#include "http/h1_writer.h"
#include "http/message.h"
#include "pipeline/header_edits.h"
#include "pipeline/service.h"
#include "providers/provider_error.h"
#include "upstream/key_ring.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

// Whom a request goes to, and with what.
struct Outgoing {
    const upstream::Upstream& upstream;
    const Service& service;
    // None where none is needed, or where it is of another kind.
    const upstream::Key* key = nullptr;
    std::string_view request_id;
    const HeaderEdits* edits = nullptr;  // Of the route's processors.
    bool passes_betas = false;           // Anthropic's header of the client goes on as well.
    // Ours, in place of the client's; empty where the gateway has no trace, and the client's goes
    // on.
    std::string_view traceparent = {};
    bool keeps_tracestate = true;
};

// Writes the fields of a client's request that go on, and those that the upstream needs: host,
// authorization, accept-encoding: identity (usage must be readable), x-request-id.
void write_request_fields(http::HeadWriter& writer,
                          const http::RequestHead& head,
                          const Outgoing& outgoing);

// Likewise for a request that was translated: nothing of the client's goes on but what traces it,
// because every other field belongs to the dialect that it was written in.
void write_translated_request_fields(http::HeadWriter& writer,
                                     const http::RequestHead& head,
                                     const Outgoing& outgoing,
                                     std::string_view accept);

// Writes the fields of an upstream's response that go on to the client. The upstream's own
// x-request-id becomes x-upstream-request-id. Of the edits only what they take out counts here.
void write_response_fields(http::HeadWriter& writer,
                           const http::ResponseHead& head,
                           const HeaderEdits* edits);

// Of a reply that was translated, what goes on: the provider's id for it, and its limits, but for
// what the edits take out. In the arena.
std::span<const providers::HeaderLine> translated_response_fields(const http::ResponseHead& head,
                                                                  const HeaderEdits* edits,
                                                                  Arena& arena);

// What an answer with an error says besides: when to come back, and whether that makes sense.
void write_refusal_fields(http::HeadWriter& writer, const providers::ProviderError& error);

// One whose events we can see. Encoded bytes, which we did not ask for, pass as they are.
bool is_event_stream(const http::ResponseHead& head);

// A head whose table of fields is its own, in the arena: the shard's is everybody's, who may write
// in it while an exchange waits.
http::ResponseHead kept_head(const http::ResponseHead& head, Arena& arena);

}  // namespace sluice::pipeline
