// How long a body is and whether the connection lives on, read from a parsed head.
//
// RFC 9112 section 6.3 without its leniencies: two lengths, a repeated length, a list, or any
// transfer coding but one exact `chunked` is an error, because the next reader might choose
// otherwise. After an error the connection must be closed. Pure functions.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "http/message.h"

namespace sluice::http {

enum class BodyKind : uint8_t { none, length, chunked, until_close };

struct BodyFraming {
    BodyKind kind = BodyKind::none;
    uint64_t length_bytes = 0;  // Only for `length`, where it is at least 1.
};

struct RequestFraming {
    BodyFraming body;
    bool keep_alive = false;        // The client allows another request on this connection.
    bool expects_continue = false;  // The client waits for 100 (Continue) before its body.
};

struct ResponseFraming {
    BodyFraming body;
    bool keep_alive = false;  // The connection may serve again once the body was read to its end.
};

// A Connection field names a handful of options; more would only make their removal costly.
inline constexpr uint32_t kConnectionOptionsMax = 32;

// Fails with malformed (400), unsupported_encoding with status 501 for a transfer coding other than
// chunked, or unsupported_expectation (417).
Result<RequestFraming> request_framing(const RequestHead& head);

// `request_method` is that of the request that is answered: the answer to HEAD has no body.
Result<ResponseFraming> response_framing(const ResponseHead& head, Method request_method);

}  // namespace sluice::http
