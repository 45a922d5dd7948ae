// HTTP/1 heads: finding their end in bytes as they arrive, and parsing them in place.
//
// Strict by intent (RFC 9112 sections 2 to 5, RFC 9110 section 5): whatever two readers could read
// differently is refused and never repaired. No I/O and no memory of its own; the result looks
// into the bytes that were given. Errors of requests have the source `client`, those of responses
// `upstream`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "http/header_map.h"
#include "http/limits.h"
#include "http/message.h"

namespace sluice::http {

// Where a head lies within the bytes received. `begin` is after empty lines that preceded it
// (RFC 9112 section 2.2), `end` after its blank line.
struct HeadExtent {
    uint32_t begin = 0;
    uint32_t end = 0;  // 0 while the head is not complete.

    bool is_complete() const { return end != 0; }
};

// Finds the end of a head in input that grows. Each byte is looked at once, whatever the splits,
// and what cannot become a head is refused as soon as it is seen: a bare CR or LF, a NUL, a first
// byte that begins no message (a TLS handshake, say), or a limit passed.
class HeadScanner {
public:
    enum class Kind : uint8_t { request, response };

    HeadScanner(Kind kind, const MessageLimits& limits) : limits_(limits), kind_(kind) {}

    // `bytes` begins with what all earlier calls were given and adds to it at the end; its address
    // may differ. Once complete, the answer stays the same until `reset`.
    Result<HeadExtent> scan(std::string_view bytes);

    // Ready for the next head on the connection.
    void reset();

    // Whether anything of a head was seen; leading empty lines do not count.
    bool has_begun() const { return scanned_ > begin_; }

private:
    Status skip_empty_lines(std::string_view bytes);
    Status check_start(std::string_view bytes) const;
    Status find_end(std::string_view bytes);
    void skip_whole_lines(std::string_view bytes);
    void skip_to_odd_byte(uint32_t index, uint64_t line_feeds);
    bool is_in_request_line() const { return in_first_line_ && kind_ == Kind::request; }
    // Where the nearest limit ends what may be looked at.
    size_t window_end() const;
    Status refuse_window() const;
    Status refuse(ErrorKind kind, const char* where) const;

    MessageLimits limits_;
    Kind kind_;
    bool in_first_line_ = true;
    uint8_t empty_lines_ = 0;
    uint32_t begin_ = 0;
    uint32_t scanned_ = 0;     // No line end is unseen before this.
    uint32_t line_begin_ = 0;  // Start of the line that `scanned_` is in.
    uint32_t end_ = 0;
};

// Parse one whole head, from its first byte through its blank line, as HeadScanner delimits it
// (but nothing that the scanner checks is taken for granted). At most min(fields_max,
// storage.size()) fields. `out` is unspecified after an error.
Status parse_request_head(std::string_view bytes,
                          const MessageLimits& limits,
                          std::span<HeaderField> storage,
                          RequestHead& out);
Status parse_response_head(std::string_view bytes,
                           const MessageLimits& limits,
                           std::span<HeaderField> storage,
                           ResponseHead& out);

}  // namespace sluice::http
