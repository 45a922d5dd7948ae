// Two kinds of text in blocks.
#include "pipeline/output_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/slice.h"
#include "http/body_reader.h"

namespace sluice::pipeline {

namespace {

// With its Block, the largest piece that the pool keeps.
constexpr size_t kBlockBytes = 4096 - sizeof(Block);
// Around an event: a chunk's header and its line end.
constexpr uint32_t kHeadroomBytes = 16;
constexpr uint32_t kTailroomBytes = 2;
// Less room than this is not worth beginning an event in.
constexpr size_t kUsefulBytes = 256;

}  // namespace

http::BodyPiece EventText::take() {
    const auto offset = static_cast<uint32_t>(begin_ - block_.data());
    const auto length = static_cast<uint32_t>(next_ - begin_);
    http::BodyPiece piece = {.data = block_.share(offset, length),
                             .headroom = kHeadroomBytes,
                             .tailroom = kTailroomBytes};
    const auto left = static_cast<size_t>(end_ - next_);
    if (left < kUsefulBytes + kTailroomBytes + kHeadroomBytes) {
        block_.reset();
        begin_ = next_ = end_ = nullptr;
    } else {
        begin_ = next_ + kTailroomBytes + kHeadroomBytes;
        next_ = begin_;
    }
    return piece;
}

// The event moves to a block that holds it and what comes.
void EventText::grow(size_t count) {
    const auto used = static_cast<size_t>(next_ - begin_);
    const size_t wanted = std::max(kBlockBytes, kHeadroomBytes + 2 * used + count + kTailroomBytes);
    Slice wider = Slice::allocate(static_cast<uint32_t>(wanted));
    char* const to = wider.writable_data() + kHeadroomBytes;
    if (used > 0) {
        std::memcpy(to, begin_, used);
    }
    begin_ = to;
    next_ = to + used;
    end_ = wider.writable_data() + wider.size() - kTailroomBytes;
    block_ = std::move(wider);
}

Slice BodyText::take() {
    block_.truncate(static_cast<uint32_t>(next_ - begin_));
    begin_ = next_ = end_ = nullptr;
    return std::move(block_);
}

void BodyText::grow(size_t count) {
    const auto used = static_cast<size_t>(next_ - begin_);
    const auto capacity = static_cast<size_t>(end_ - begin_);
    Slice wider = Slice::allocate(static_cast<uint32_t>(std::max(2 * capacity, used + count)));
    if (used > 0) {
        std::memcpy(wider.writable_data(), begin_, used);
    }
    begin_ = wider.writable_data();
    next_ = begin_ + used;
    end_ = begin_ + wider.size();
    block_ = std::move(wider);
}

}  // namespace sluice::pipeline
