// One received slice at a time; a piece never spans two.
#include "http/body_reader.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "http/chunked.h"
#include "http/framing.h"
#include "http/limits.h"
#include "net/byte_stream.h"

namespace sluice::http {

namespace {

// Takes `count` bytes from the front, which lie in the first slice.
Slice take_slice(net::ByteStream& stream, uint32_t count) {
    Slice slice = stream.received().front().share(0, count);
    stream.consume(count);
    return slice;
}

}  // namespace

BodyReader::BodyReader(const BodyFraming& framing, const MessageLimits& limits, ErrorSource source)
    : chunks_(limits, source),
      left_bytes_(framing.length_bytes),
      kind_(framing.kind),
      source_(source),
      complete_(framing.kind == BodyKind::none) {}

std::optional<uint64_t> BodyReader::bytes_left() const {
    if (complete_) {
        return 0;
    }
    return kind_ == BodyKind::length ? std::optional(left_bytes_) : std::nullopt;
}

Result<bool> BodyReader::next(net::ByteStream& stream, BodyPiece& piece) {
    if (complete_) {
        return false;
    }
    switch (kind_) {
        case BodyKind::none:
            return false;
        case BodyKind::length:
            return next_of_length(stream, piece);
        case BodyKind::chunked:
            return next_chunked(stream, piece);
        case BodyKind::until_close:
            return next_until_close(stream, piece);
    }
    return false;
}

// More may come, unless the peer has ended.
Result<bool> BodyReader::nothing_received(const net::ByteStream& stream) const {
    if (stream.failed()) {
        return fail(stream.error());
    }
    if (stream.read_ended()) {
        return fail({.kind = ErrorKind::closed_early,
                     .source = source_,
                     .where = "the connection ended inside a body"});
    }
    return false;
}

Result<bool> BodyReader::next_of_length(net::ByteStream& stream, BodyPiece& piece) {
    if (stream.received().empty()) {
        return nothing_received(stream);
    }
    const auto count =
        static_cast<uint32_t>(std::min<uint64_t>(left_bytes_, stream.received().front().size()));
    piece = {.data = take_slice(stream, count)};
    left_bytes_ -= count;
    body_bytes_ += count;
    complete_ = left_bytes_ == 0;
    return true;
}

Result<bool> BodyReader::next_until_close(net::ByteStream& stream, BodyPiece& piece) {
    if (stream.received().empty()) {
        if (stream.read_ended() && !stream.failed()) {
            complete_ = true;
            return false;
        }
        return nothing_received(stream);
    }
    piece = {.data = take_slice(stream, stream.received().front().size())};
    body_bytes_ += piece.data.size();
    return true;
}

Result<bool> BodyReader::next_chunked(net::ByteStream& stream, BodyPiece& piece) {
    while (!stream.received().empty()) {
        const Slice& front = stream.received().front();
        TRY(const ChunkedPiece part, chunks_.next(front.view()));
        Slice data;
        if (part.data_length > 0) {
            data = front.share(part.data_offset, part.data_length);
        }
        stream.consume(part.consumed);
        complete_ = chunks_.at_end();
        if (part.data_length > 0) {
            piece = {
                .data = std::move(data), .headroom = part.headroom(), .tailroom = part.tailroom()};
            body_bytes_ += part.data_length;
            return true;
        }
        if (complete_) {
            return false;
        }
    }
    return nothing_received(stream);
}

}  // namespace sluice::http
