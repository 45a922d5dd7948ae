// Names of error kinds; logs and metrics depend on them, so they do not change.
#include "base/error.h"

#include <string_view>

#include "base/assert.h"

namespace sluice {

std::string_view error_kind_name(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::none:
            return "none";
        case ErrorKind::connect_refused:
            return "connect_refused";
        case ErrorKind::connect_failed:
            return "connect_failed";
        case ErrorKind::connect_timeout:
            return "connect_timeout";
        case ErrorKind::dns_failed:
            return "dns_failed";
        case ErrorKind::tls_handshake:
            return "tls_handshake";
        case ErrorKind::tls_verify:
            return "tls_verify";
        case ErrorKind::reset:
            return "reset";
        case ErrorKind::closed_early:
            return "closed_early";
        case ErrorKind::out_of_fds:
            return "out_of_fds";
        case ErrorKind::head_timeout:
            return "head_timeout";
        case ErrorKind::body_timeout:
            return "body_timeout";
        case ErrorKind::first_byte_timeout:
            return "first_byte_timeout";
        case ErrorKind::silence_timeout:
            return "silence_timeout";
        case ErrorKind::total_timeout:
            return "total_timeout";
        case ErrorKind::send_timeout:
            return "send_timeout";
        case ErrorKind::malformed:
            return "malformed";
        case ErrorKind::head_too_large:
            return "head_too_large";
        case ErrorKind::uri_too_long:
            return "uri_too_long";
        case ErrorKind::body_too_large:
            return "body_too_large";
        case ErrorKind::unsupported_version:
            return "unsupported_version";
        case ErrorKind::unsupported_encoding:
            return "unsupported_encoding";
        case ErrorKind::unsupported_expectation:
            return "unsupported_expectation";
        case ErrorKind::method_not_allowed:
            return "method_not_allowed";
        case ErrorKind::invalid_json:
            return "invalid_json";
        case ErrorKind::invalid_field:
            return "invalid_field";
        case ErrorKind::unauthorized:
            return "unauthorized";
        case ErrorKind::no_route:
            return "no_route";
        case ErrorKind::no_model:
            return "no_model";
        case ErrorKind::streaming_not_allowed:
            return "streaming_not_allowed";
        case ErrorKind::streaming_required:
            return "streaming_required";
        case ErrorKind::overloaded:
            return "overloaded";
        case ErrorKind::unavailable:
            return "unavailable";
        case ErrorKind::upstream_status:
            return "upstream_status";
        case ErrorKind::cancelled:
            return "cancelled";
        case ErrorKind::shutting_down:
            return "shutting_down";
        case ErrorKind::internal:
            return "internal";
    }
    SLUICE_UNREACHABLE();
}

std::string_view error_source_name(ErrorSource source) {
    switch (source) {
        case ErrorSource::gateway:
            return "gateway";
        case ErrorSource::client:
            return "client";
        case ErrorSource::upstream:
            return "upstream";
    }
    SLUICE_UNREACHABLE();
}

}  // namespace sluice
