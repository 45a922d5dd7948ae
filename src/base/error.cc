// Names of error kinds; logs and metrics depend on them, so they do not change.
#include "base/error.h"

#include <array>
#include <cstddef>
#include <string_view>

#include "base/assert.h"

namespace sluice {

namespace {

// In the order of ErrorKind.
constexpr auto kKindNames = std::to_array<std::string_view>({
    "none",
    "connect_refused",
    "connect_failed",
    "connect_timeout",
    "dns_failed",
    "tls_handshake",
    "tls_verify",
    "reset",
    "closed_early",
    "out_of_fds",
    "head_timeout",
    "body_timeout",
    "first_byte_timeout",
    "silence_timeout",
    "total_timeout",
    "send_timeout",
    "malformed",
    "head_too_large",
    "uri_too_long",
    "body_too_large",
    "unsupported_version",
    "unsupported_encoding",
    "unsupported_expectation",
    "method_not_allowed",
    "invalid_json",
    "invalid_field",
    "unauthorized",
    "no_route",
    "no_model",
    "no_operation",
    "streaming_not_allowed",
    "streaming_required",
    "forbidden",
    "rate_limited",
    "over_budget",
    "blocked",
    "overloaded",
    "unavailable",
    "upstream_status",
    "cancelled",
    "shutting_down",
    "internal",
});
static_assert(kKindNames.size() == static_cast<size_t>(ErrorKind::internal) + 1);

}  // namespace

std::string_view error_kind_name(ErrorKind kind) {
    const auto index = static_cast<size_t>(kind);
    SLUICE_ASSERT(index < kKindNames.size());
    return kKindNames[index];
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
