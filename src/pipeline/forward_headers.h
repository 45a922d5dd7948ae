// Which header fields pass through the gateway, in both directions.
//
// A deny list, as in every proxy: unknown fields are end-to-end and pass (RFC 9110 section 7.6.1).
// What never passes: hop-by-hop fields, framing, and credentials of either side.
#pragma once

#include <string_view>

#include "http/h1_writer.h"
#include "http/message.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

// Writes the fields of a client's request that go on, and those that the upstream needs: host,
// authorization, accept-encoding: identity (usage must be readable), x-request-id.
void write_request_fields(http::HeadWriter& writer,
                          const http::RequestHead& head,
                          const upstream::Upstream& upstream,
                          std::string_view request_id);

// Writes the fields of an upstream's response that go on to the client. The upstream's own
// x-request-id becomes x-upstream-request-id.
void write_response_fields(http::HeadWriter& writer, const http::ResponseHead& head);

}  // namespace sluice::pipeline
