// Known header names as small numbers, so that the data path compares bytes and not texts.
//
// The list holds what a proxy for model APIs reads, writes or removes; everything else is
// HeaderId::other and keeps its text. Lookup folds case, allocates nothing and needs one probe of
// a table whose hash was proved free of collisions by the compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

// Sorted by name; header_names.cc holds the texts in the same order and checks that.
enum class HeaderId : uint8_t {
    other,
    accept,
    accept_charset,
    accept_encoding,
    accept_language,
    accept_ranges,
    access_control_allow_credentials,
    access_control_allow_headers,
    access_control_allow_methods,
    access_control_allow_origin,
    access_control_expose_headers,
    access_control_max_age,
    access_control_request_headers,
    access_control_request_method,
    age,
    allow,
    alt_svc,
    anthropic_beta,
    anthropic_version,
    api_key,
    authorization,
    baggage,
    cache_control,
    cf_ray,
    connection,
    content_disposition,
    content_encoding,
    content_language,
    content_length,
    content_range,
    content_type,
    cookie,
    date,
    etag,
    expect,
    expires,
    forwarded,
    host,
    http2_settings,
    idempotency_key,
    if_modified_since,
    if_none_match,
    keep_alive,
    last_modified,
    link,
    location,
    openai_beta,
    openai_organization,
    openai_processing_ms,
    openai_project,
    openai_version,
    origin,
    pragma,
    priority,
    proxy_authenticate,
    proxy_authentication_info,
    proxy_authorization,
    proxy_connection,
    range,
    referer,
    retry_after,
    retry_after_ms,
    server,
    server_timing,
    set_cookie,
    strict_transport_security,
    te,
    traceparent,
    tracestate,
    trailer,
    transfer_encoding,
    upgrade,
    user_agent,
    vary,
    via,
    www_authenticate,
    x_accel_buffering,
    x_api_key,
    x_content_type_options,
    x_forwarded_for,
    x_forwarded_host,
    x_forwarded_port,
    x_forwarded_proto,
    x_goog_api_key,
    x_ratelimit_limit_requests,
    x_ratelimit_limit_tokens,
    x_ratelimit_remaining_requests,
    x_ratelimit_remaining_tokens,
    x_ratelimit_reset_requests,
    x_ratelimit_reset_tokens,
    x_real_ip,
    x_request_id,
    x_should_retry,
};

inline constexpr size_t kHeaderIdCount = static_cast<size_t>(HeaderId::x_should_retry) + 1;

// `other` when the name is not in the list. Any bytes may be asked for.
HeaderId header_id(std::string_view name);

// The name in lower case; empty for `other`.
std::string_view header_name(HeaderId id);

}  // namespace sluice::http
