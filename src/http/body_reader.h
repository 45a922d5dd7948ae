// BodyReader: takes one message body out of a stream's received bytes, without copying it.
//
// Knows the three ways a body ends (RFC 9112 section 6): a length, the last chunk, the end of the
// connection. It never waits: `next` gives what has arrived. One per body, beside its stream.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/slice.h"
#include "http/chunked.h"
#include "http/framing.h"
#include "http/limits.h"
#include "net/byte_stream.h"

namespace sluice::http {

// Body bytes as they were received, with the dead framing bytes around them.
struct BodyPiece {
    Slice data;
    uint32_t headroom = 0;  // Bytes right before (after) the data that may be written over.
    uint32_t tailroom = 0;
};

class BodyReader {
public:
    // `source` is the peer that sends the body.
    BodyReader(const BodyFraming& framing, const MessageLimits& limits, ErrorSource source);

    // The next piece that has arrived; false when there is none now. Fails on broken framing, and
    // with closed_early when the peer ended before the body did; what came before it was given.
    Result<bool> next(net::ByteStream& stream, BodyPiece& piece);

    bool is_complete() const { return complete_; }
    uint64_t body_bytes() const { return body_bytes_; }
    // What is still to come, where that is known.
    std::optional<uint64_t> bytes_left() const;
    BodyKind kind() const { return kind_; }

private:
    Result<bool> next_of_length(net::ByteStream& stream, BodyPiece& piece);
    Result<bool> next_chunked(net::ByteStream& stream, BodyPiece& piece);
    Result<bool> next_until_close(net::ByteStream& stream, BodyPiece& piece);
    Result<bool> nothing_received(const net::ByteStream& stream) const;

    ChunkedDecoder chunks_;
    uint64_t left_bytes_;  // Of a body with a length.
    uint64_t body_bytes_ = 0;
    BodyKind kind_;
    ErrorSource source_;
    bool complete_;
};

}  // namespace sluice::http
