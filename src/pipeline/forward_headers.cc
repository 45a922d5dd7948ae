// The two deny lists and the fields that we add.
#include "pipeline/forward_headers.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/message.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

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

}  // namespace

void write_request_fields(http::HeadWriter& writer,
                          const http::RequestHead& head,
                          const upstream::Upstream& upstream,
                          std::string_view request_id) {
    const upstream::UpstreamOptions& options = upstream.options();
    writer.field(HeaderId::host, upstream.host_field());
    for (const http::HeaderField& field : head.headers) {
        if (!stays_on_client_side(field.id) && !is_named_by_connection(head.headers, field) &&
            !is_set_by_upstream(options, field)) {
            writer.parsed_field(field);
        }
    }
    if (!upstream.authorization().empty()) {
        writer.field(HeaderId::authorization, upstream.authorization());
    }
    if (!options.organization.empty()) {
        writer.field(HeaderId::openai_organization, options.organization);
    }
    if (!options.project.empty()) {
        writer.field(HeaderId::openai_project, options.project);
    }
    for (const upstream::HeaderOption& extra : options.headers) {
        writer.field(extra.name, extra.value);
    }
    writer.field(HeaderId::accept_encoding, "identity");
    writer.field(HeaderId::x_request_id, request_id);
}

void write_response_fields(http::HeadWriter& writer, const http::ResponseHead& head) {
    for (const http::HeaderField& field : head.headers) {
        if (field.id == HeaderId::x_request_id) {
            writer.field(kUpstreamRequestId, field.value);
        } else if (!stays_on_upstream_side(field.id) &&
                   !is_named_by_connection(head.headers, field)) {
            writer.parsed_field(field);
        }
    }
}

}  // namespace sluice::pipeline
