// Credentials are never allowed: keys travel in the Authorization field, which a page sets itself.
#include "pipeline/cors.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/message.h"
#include "http/types.h"
#include "pipeline/snapshot.h"

namespace sluice::pipeline {

namespace {

using http::HeaderId;

constexpr std::string_view kAnyOrigin = "*";
constexpr std::string_view kMethods = "GET, POST, DELETE, OPTIONS";
constexpr std::string_view kUsualRequestFields = "authorization, content-type, x-request-id";
constexpr std::string_view kExposedFields =
    "x-request-id, x-upstream-request-id, server-timing, retry-after, openai-processing-ms, "
    "x-ratelimit-limit-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, "
    "x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, x-ratelimit-reset-tokens";

bool allows(const CorsPolicy& policy, std::string_view origin) {
    return std::any_of(policy.allowed_origins.begin(), policy.allowed_origins.end(),
                       [&](std::string_view allowed) {
                           return allowed == kAnyOrigin || equals_ignoring_case(allowed, origin);
                       });
}

bool allows_any(const CorsPolicy& policy) {
    return std::find(policy.allowed_origins.begin(), policy.allowed_origins.end(), kAnyOrigin) !=
           policy.allowed_origins.end();
}

// False when the origin is not allowed, and then nothing was written.
bool write_allowed_origin(http::HeadWriter& writer,
                          const CorsPolicy& policy,
                          std::string_view origin) {
    if (origin.empty() || !allows(policy, origin)) {
        return false;
    }
    if (allows_any(policy)) {
        writer.field(HeaderId::access_control_allow_origin, kAnyOrigin);
        return true;
    }
    writer.field(HeaderId::access_control_allow_origin, origin);
    writer.field(HeaderId::vary, "origin");
    return true;
}

}  // namespace

bool is_preflight(const http::RequestHead& head) {
    return head.method == http::Method::options && head.headers.has(HeaderId::origin) &&
           head.headers.has(HeaderId::access_control_request_method);
}

void write_preflight_fields(http::HeadWriter& writer,
                            const CorsPolicy& policy,
                            const http::RequestHead& head) {
    if (!write_allowed_origin(writer, policy, head.headers.value(HeaderId::origin))) {
        return;
    }
    writer.field(HeaderId::access_control_allow_methods, kMethods);
    // SDKs send a dozen fields of their own, so what is asked for is allowed.
    const std::string_view asked = head.headers.value(HeaderId::access_control_request_headers);
    writer.field(HeaderId::access_control_allow_headers,
                 asked.empty() ? kUsualRequestFields : asked);
    char age[20];
    const size_t digits = write_decimal(policy.max_age_s, age);
    writer.field(HeaderId::access_control_max_age, {age, digits});
}

void write_cors_fields(http::HeadWriter& writer,
                       const CorsPolicy& policy,
                       std::string_view origin) {
    if (write_allowed_origin(writer, policy, origin)) {
        writer.field(HeaderId::access_control_expose_headers, kExposedFields);
    }
}

}  // namespace sluice::pipeline
