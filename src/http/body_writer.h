// BodyWriter: gives a body its framing on the way out (RFC 9112 sections 6 and 7.1).
//
// The framing is always our own, written from parsed state. Where the bytes came in chunked, their
// old framing lies dead around them, and ours is written over it: a relayed event leaves as one
// contiguous range of the block it was received into, without a copy and without an allocation.
#pragma once

#include <cstdint>

#include "base/slice.h"
#include "base/slice_queue.h"
#include "http/body_reader.h"
#include "http/framing.h"

namespace sluice::http {

class BodyWriter {
public:
    explicit BodyWriter(BodyKind kind = BodyKind::none) : kind_(kind) {}

    // Appends the piece, framed, to `to`.
    void write(BodyPiece&& piece, SliceQueue& to);
    void write(Slice data, SliceQueue& to) { write(BodyPiece{.data = std::move(data)}, to); }
    // The end of the body: the last chunk, where there is one.
    void finish(SliceQueue& to) const;

    BodyKind kind() const { return kind_; }
    uint64_t body_bytes() const { return body_bytes_; }

private:
    Slice chunk_header(uint32_t size_bytes);

    BodyKind kind_;
    uint64_t body_bytes_ = 0;
    // Headers for data without headroom; one small block serves many events.
    Slice spare_;
    uint32_t spare_used_ = 0;
};

}  // namespace sluice::http
