// Cross-origin requests (WHATWG Fetch, section "HTTP-CORS protocol"): which pages may call us.
#pragma once

#include <string_view>

#include "http/h1_writer.h"
#include "http/message.h"
#include "pipeline/snapshot.h"

namespace sluice::pipeline {

// Whether the request is a preflight: OPTIONS with an origin and a method to ask for.
bool is_preflight(const http::RequestHead& head);

// The fields of the answer to a preflight; none when the origin is not allowed, which makes the
// browser refuse.
void write_preflight_fields(http::HeadWriter& writer,
                            const CorsPolicy& policy,
                            const http::RequestHead& head);

// The fields that let the page read an answer. `origin` is the request's; empty writes nothing.
void write_cors_fields(http::HeadWriter& writer, const CorsPolicy& policy, std::string_view origin);

}  // namespace sluice::pipeline
