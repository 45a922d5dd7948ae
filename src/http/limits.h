// Bounds of one message's framing, on both sides, each with its reason. RFC 9112 section 3 asks for
// 8,000 bytes of request line at least and RFC 9110 section 5.4 leaves the rest to us.
//
// Counts are limited as well as bytes, because each field costs bookkeeping that its bytes do not
// show. Plain values: filled by config/, read by the parsers.
#pragma once

#include <cstdint>

namespace sluice::http {

struct MessageLimits {
    // A head from its first line through its blank line. Common proxies allow 16 to 32 KiB; SDKs
    // send long bearer tokens and trace state.
    uint32_t head_bytes_max = 32 * 1024;
    // API clients send 10 to 30. Every Cookie field counts as one.
    uint32_t fields_max = 100;
    // One name with its value: a large signed token fits.
    uint32_t field_bytes_max = 16 * 1024;
    uint32_t request_line_bytes_max = 16 * 1024;
    // Trailers are read, checked and dropped.
    uint32_t trailer_bytes_max = 8 * 1024;
    // All chunk extensions of one body: never forwarded, so nobody needs many.
    uint32_t chunk_extension_bytes_max = 16 * 1024;

    bool operator==(const MessageLimits&) const = default;
};

}  // namespace sluice::http
