// The two deny lists and the fields that we add.
#include "pipeline/forward_headers.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/assert.h"
#include "base/text.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/message.h"
#include "pipeline/service.h"
#include "providers/provider_error.h"
#include "upstream/options.h"

namespace sluice::pipeline {

namespace {

using http::HeaderId;

constexpr std::string_view kUpstreamRequestId = "x-upstream-request-id";

// Fields named by Connection are hop-by-hop whatever they are called, but for those without which
// the body would mean something else at the other end.
bool is_named_by_connection(const http::HeaderMap& headers, const http::HeaderField& field) {
    return headers.has(HeaderId::connection) && field.id != HeaderId::content_type &&
           field.id != HeaderId::content_encoding &&
           headers.has_list_element(HeaderId::connection, field.name);
}

// A field of the settings stands for the operator, so a client must not add a value of its own.
bool is_set_by_upstream(const upstream::UpstreamOptions& options, const http::HeaderField& field) {
    return std::ranges::any_of(options.headers, [&](const upstream::HeaderOption& extra) {
        return equals_ignoring_case(extra.name, field.name);
    });
}

bool stays_on_client_side(HeaderId id) {
    switch (id) {
        // Hop-by-hop and framing.
        case HeaderId::connection:
        case HeaderId::http2_settings:
        case HeaderId::keep_alive:
        case HeaderId::proxy_connection:
        case HeaderId::te:
        case HeaderId::trailer:
        case HeaderId::transfer_encoding:
        case HeaderId::upgrade:
        case HeaderId::content_length:
        case HeaderId::expect:
        // Ours to say.
        case HeaderId::host:
        case HeaderId::accept_encoding:
        case HeaderId::x_request_id:
        // The client's credentials are for us, not for the upstream.
        case HeaderId::authorization:
        case HeaderId::proxy_authorization:
        case HeaderId::x_api_key:
        case HeaderId::api_key:
        case HeaderId::x_goog_api_key:
        case HeaderId::cookie:
        case HeaderId::openai_organization:
        case HeaderId::openai_project:
        // What a browser says of the page is nobody else's business.
        case HeaderId::origin:
        case HeaderId::referer:
        case HeaderId::access_control_request_headers:
        case HeaderId::access_control_request_method:
            return true;
        default:
            return false;
    }
}

bool stays_on_upstream_side(HeaderId id) {
    switch (id) {
        case HeaderId::connection:
        case HeaderId::keep_alive:
        case HeaderId::proxy_connection:
        case HeaderId::te:
        case HeaderId::trailer:
        case HeaderId::transfer_encoding:
        case HeaderId::upgrade:
        case HeaderId::content_length:
        case HeaderId::proxy_authenticate:
        case HeaderId::proxy_authentication_info:
        // Of the upstream's edge, and wrong behind another name.
        case HeaderId::set_cookie:
        case HeaderId::alt_svc:
        case HeaderId::server:
        case HeaderId::cf_ray:
        case HeaderId::strict_transport_security:
        case HeaderId::via:
        case HeaderId::access_control_allow_credentials:
        case HeaderId::access_control_allow_headers:
        case HeaderId::access_control_allow_methods:
        case HeaderId::access_control_allow_origin:
        case HeaderId::access_control_expose_headers:
        case HeaderId::access_control_max_age:
        // Ours to say.
        case HeaderId::x_request_id:
        case HeaderId::server_timing:
            return true;
        default:
            return false;
    }
}

// Ours stands for it, or it belongs to a trace that nobody knows.
bool is_of_other_trace(const Outgoing& outgoing, HeaderId id) {
    return (id == HeaderId::traceparent && !outgoing.traceparent.empty()) ||
           (id == HeaderId::tracestate && !outgoing.keeps_tracestate);
}

void write_trace(http::HeadWriter& writer, const Outgoing& outgoing) {
    const bool is_unwanted = outgoing.edits != nullptr && outgoing.edits->removes("traceparent");
    if (!outgoing.traceparent.empty() && !is_unwanted) {
        writer.field(HeaderId::traceparent, outgoing.traceparent);
    }
}

// What the operator's settings and the provider add.
void write_upstream_fields(http::HeadWriter& writer,
                           const Outgoing& outgoing,
                           const http::HeaderMap* from_client) {
    outgoing.service.write_fields(writer, outgoing.key, from_client);
    for (const upstream::HeaderOption& extra : outgoing.upstream.options().headers) {
        writer.field(extra.name, extra.value);
    }
    writer.field(HeaderId::accept_encoding, "identity");
    writer.field(HeaderId::x_request_id, outgoing.request_id);
    write_trace(writer, outgoing);
}

// Under these names providers tell the id that they know a request by.
bool is_request_id(const http::HeaderField& field) {
    static constexpr std::string_view kNames[] = {"request-id", "x-amzn-requestid",
                                                  "apim-request-id"};
    return field.id == HeaderId::x_request_id ||
           std::ranges::any_of(kNames, [&](std::string_view name) {
               return equals_ignoring_case(name, field.name);
           });
}

bool has_prefix(std::string_view name, std::string_view prefix) {
    return equals_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// Of a request that its client signed for AWS: a session's token among them.
bool belongs_to_signature(const http::HeaderField& field) {
    return field.id == HeaderId::other && has_prefix(field.name, "x-amz-");
}

void write_edits(http::HeadWriter& writer, const Outgoing& outgoing) {
    if (outgoing.edits != nullptr) {
        outgoing.edits->write(writer);
    }
}

bool is_removed(const HeaderEdits* edits, const http::HeaderField& field) {
    return edits != nullptr && edits->removes(field.name);
}

}  // namespace

void write_request_fields(http::HeadWriter& writer,
                          const http::RequestHead& head,
                          const Outgoing& outgoing) {
    const upstream::UpstreamOptions& options = outgoing.upstream.options();
    writer.field(HeaderId::host, outgoing.upstream.host_field());
    for (const http::HeaderField& field : head.headers) {
        if (!stays_on_client_side(field.id) && !belongs_to_signature(field) &&
            !is_named_by_connection(head.headers, field) && !is_set_by_upstream(options, field) &&
            !is_removed(outgoing.edits, field) && !is_of_other_trace(outgoing, field.id)) {
            writer.parsed_field(field);
        }
    }
    write_upstream_fields(writer, outgoing, &head.headers);
    write_edits(writer, outgoing);
}

void write_translated_request_fields(http::HeadWriter& writer,
                                     const http::RequestHead& head,
                                     const Outgoing& outgoing,
                                     std::string_view accept) {
    writer.field(HeaderId::host, outgoing.upstream.host_field());
    writer.field(HeaderId::content_type, "application/json");
    writer.field(HeaderId::accept, accept);
    const auto pass = [&](HeaderId id) {
        const http::HeaderField* const field = head.headers.find(id);
        if (field != nullptr && !is_removed(outgoing.edits, *field) &&
            !is_of_other_trace(outgoing, id)) {
            writer.field(id, field->value);
        }
    };
    pass(HeaderId::traceparent);
    pass(HeaderId::tracestate);
    pass(HeaderId::user_agent);
    if (outgoing.passes_betas) {
        pass(HeaderId::anthropic_beta);
    }
    write_upstream_fields(writer, outgoing, nullptr);
    write_edits(writer, outgoing);
}

void write_response_fields(http::HeadWriter& writer,
                           const http::ResponseHead& head,
                           const HeaderEdits* edits) {
    for (const http::HeaderField& field : head.headers) {
        if (is_removed(edits, field)) {
            continue;
        }
        if (field.id == HeaderId::x_request_id) {
            writer.field(kUpstreamRequestId, field.value);
        } else if (!stays_on_upstream_side(field.id) &&
                   !is_named_by_connection(head.headers, field)) {
            writer.parsed_field(field);
        }
    }
}

// Of a reply that is translated, little else than its id would be true.
std::span<const providers::HeaderLine> translated_response_fields(const http::ResponseHead& head,
                                                                  const HeaderEdits* edits,
                                                                  Arena& arena) {
    ArenaList<providers::HeaderLine> kept(arena);
    bool has_id = false;
    for (const http::HeaderField& field : head.headers) {
        if (is_removed(edits, field)) {
            continue;
        }
        if (!has_id && is_request_id(field)) {
            has_id = true;
            kept.push_back({kUpstreamRequestId, arena.copy(field.value)});
        } else if (has_prefix(field.name, "x-ratelimit-") ||
                   has_prefix(field.name, "anthropic-ratelimit-")) {
            kept.push_back({arena.copy(field.name), arena.copy(field.value)});
        }
    }
    return kept.view();
}

void write_refusal_fields(http::HeadWriter& writer, const providers::ProviderError& error) {
    if (error.retry_after.ns() >= 0) {
        const int64_t seconds = (error.retry_after.ms() + 999) / 1000;
        writer.field(HeaderId::retry_after, std::to_string(seconds));
        if (error.retry_after.ms() % 1000 != 0) {
            writer.field("retry-after-ms", std::to_string(error.retry_after.ms()));
        }
    } else if (error.status == 503) {
        writer.field(HeaderId::retry_after, "1");
    }
    // The vendors' clients obey: another try cannot help.
    if (error.blame == providers::Blame::credential) {
        writer.field("x-should-retry", "false");
    }
    // Of ours, not of an upstream's.
    if (error.status == 401 && error.upstream_status == 0) {
        writer.field("www-authenticate", "Bearer");
    }
}

http::ResponseHead kept_head(const http::ResponseHead& head, Arena& arena) {
    http::ResponseHead copy = head;
    copy.headers = http::HeaderMap(arena.allocate_array<http::HeaderField>(head.headers.size()));
    for (const http::HeaderField& field : head.headers) {
        const bool has_room = copy.headers.add(field.name, field.value);
        SLUICE_ASSERT(has_room);
    }
    return copy;
}

}  // namespace sluice::pipeline
