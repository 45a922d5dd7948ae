// Chunk headers in place, or in a small block of their own.
#include "http/body_writer.h"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/slice.h"
#include "base/slice_queue.h"
#include "http/body_reader.h"
#include "http/chunked.h"
#include "http/framing.h"

namespace sluice::http {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr uint32_t kSpareBytes = 256;

}  // namespace

Slice BodyWriter::chunk_header(uint32_t size_bytes) {
    if (spare_.empty() || spare_used_ + kChunkHeaderBytesMax > kSpareBytes) {
        spare_ = Slice::allocate(kSpareBytes);
        spare_used_ = 0;
    } else if (spare_.block()->references == 1) {
        spare_used_ = 0;  // All that were written are sent.
    }
    const size_t length = write_chunk_header(size_bytes, spare_.writable_data() + spare_used_);
    Slice header = spare_.share(spare_used_, static_cast<uint32_t>(length));
    spare_used_ += static_cast<uint32_t>(length);
    return header;
}

void BodyWriter::write(BodyPiece&& piece, SliceQueue& to) {
    if (piece.data.empty()) {
        return;  // An empty chunk would end the body.
    }
    const uint32_t size_bytes = piece.data.size();
    body_bytes_ += size_bytes;
    if (kind_ != BodyKind::chunked) {
        to.push_back(std::move(piece.data));
        return;
    }
    const auto header_bytes = static_cast<uint32_t>(chunk_header_bytes(size_bytes));
    if (piece.data.block() != nullptr && piece.headroom >= header_bytes) {
        piece.data.grow_front(header_bytes);
        write_chunk_header(size_bytes, piece.data.writable_data());
    } else {
        to.push_back(chunk_header(size_bytes));
    }
    const auto end_bytes = static_cast<uint32_t>(kLineEnd.size());
    if (piece.data.block() != nullptr && piece.tailroom >= end_bytes) {
        std::memcpy(piece.data.writable_data() + piece.data.size(), kLineEnd.data(), end_bytes);
        piece.data.grow_back(end_bytes);
        to.push_back(std::move(piece.data));
    } else {
        to.push_back(std::move(piece.data));
        to.push_back(Slice::unowned(kLineEnd));
    }
}

void BodyWriter::finish(SliceQueue& to) const {
    if (kind_ == BodyKind::chunked) {
        to.push_back(Slice::unowned(kLastChunk));
    }
}

}  // namespace sluice::http
