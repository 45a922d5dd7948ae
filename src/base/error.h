// What can go wrong outside of us, as a value of sixteen bytes.
//
// An Error never allocates and never owns text: `where` is a static string that names the
// operation or the rule that was broken. Kind, source and retry are what decisions are made on;
// turning an Error into an answer happens in one place (pipeline/respond_error.h).
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace sluice {

enum class ErrorKind : uint8_t {
    none,
    // Network, either side.
    connect_refused,
    connect_failed,
    connect_timeout,
    dns_failed,
    tls_handshake,
    tls_verify,
    reset,         // The peer ended the connection abnormally, or the system reported a fault.
    closed_early,  // End of stream inside a message.
    out_of_fds,
    // Time limits.
    head_timeout,
    body_timeout,
    first_byte_timeout,
    silence_timeout,  // Nothing arrived for too long inside a response.
    total_timeout,
    send_timeout,  // The peer does not read.
    // Messages that break a rule.
    malformed,
    head_too_large,
    uri_too_long,
    body_too_large,
    unsupported_version,
    unsupported_encoding,
    unsupported_expectation,
    method_not_allowed,
    invalid_json,
    invalid_field,  // Well-formed JSON that the route cannot accept; `where` names the field.
    // Decisions of the gateway.
    unauthorized,
    no_route,
    no_model,
    no_operation,  // The model's provider cannot do what the path asks for.
    streaming_not_allowed,
    streaming_required,
    forbidden,  // The key may not do this.
    rate_limited,
    over_budget,
    blocked,      // By what it says, in the eyes of the operator.
    overloaded,   // A limit of ours is reached: connections, waiters, memory.
    unavailable,  // No upstream can be used at present.
    upstream_status,
    cancelled,  // The client left, or a sibling finished first.
    shutting_down,
    internal,
};

enum class ErrorSource : uint8_t { gateway, client, upstream };

// Whether the request may be sent again. `only_if_reused`: only when the connection had served a
// request before, because then the peer may just have closed an idle connection.
enum class Retry : uint8_t { never, safe, only_if_reused };

struct Error {
    ErrorKind kind = ErrorKind::internal;
    ErrorSource source = ErrorSource::gateway;
    Retry retry = Retry::never;
    uint16_t status = 0;   // HTTP status to answer with, or received; 0 lets the kind decide.
    int16_t os_errno = 0;  // 0 when not from the system.
    const char* where = "";
};

static_assert(std::is_trivially_copyable_v<Error>);
static_assert(sizeof(Error) == 16);

// A stable lower-case name for logs and metrics, for example "first_byte_timeout".
std::string_view error_kind_name(ErrorKind kind);
std::string_view error_source_name(ErrorSource source);

}  // namespace sluice
