// A chunk is always filled before the next one is begun, so a reader finds its way by counting.
#include "cache/live_reply.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory_pool.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/counted.h"
#include "cache/reply.h"

namespace sluice::cache {

Ref<Chunk> Chunk::make() {
    static_assert(sizeof(Chunk) + kBytes <= 4096);
    void* const memory = MemoryPool::allocate(sizeof(Chunk) + kBytes);
    return Ref<Chunk>(new (memory) Chunk());
}

void Chunk::dispose(Chunk* chunk) {
    while (chunk != nullptr) {
        Chunk* const following = chunk->next.let_go();
        chunk->~Chunk();
        MemoryPool::free(chunk, sizeof(Chunk) + kBytes);
        chunk = following;
    }
}

Recording::Recording(RecordingBudget& budget, uint64_t bytes_max)
    : budget_(budget), bytes_max_(std::min<uint64_t>(bytes_max, UINT32_MAX)) {}

void Recording::begin(const ReplyHead& head, Instant now) {
    SLUICE_ASSERT(!head_);
    head_ = Reply::make(head, {}, {});
    began_ = now;
}

void Recording::append(std::string_view piece, Instant now) {
    SLUICE_ASSERT(head_.get() != nullptr);
    if (piece.empty()) {
        return;
    }
    if (is_whole_ && bytes_ + piece.size() + (marks_.size() + 1) * sizeof(PieceMark) > bytes_max_) {
        give_up_beginning();
    }
    while (!piece.empty()) {
        if (!last_ || last_bytes_ == Chunk::kBytes) {
            add_chunk();
        }
        const size_t part = std::min(piece.size(), Chunk::kBytes - last_bytes_);
        std::memcpy(last_->bytes() + last_bytes_, piece.data(), part);
        last_bytes_ += part;
        bytes_ += part;
        piece.remove_prefix(part);
    }
    if (is_whole_) {
        marks_.push_back({static_cast<uint32_t>(bytes_),
                          static_cast<uint32_t>(std::max<int64_t>((now - began_).ms(), 0))});
    }
}

void Recording::add_chunk() {
    if (is_whole_) {
        if (budget_.bytes + sizeof(Chunk) + Chunk::kBytes > budget_.bytes_max) {
            give_up_beginning();
        } else {
            budget_.bytes += sizeof(Chunk) + Chunk::kBytes;
            charged_bytes_ += sizeof(Chunk) + Chunk::kBytes;
        }
    }
    Ref<Chunk> made = Chunk::make();
    if (last_) {
        last_->next = made;
    }
    if (is_whole_ && !first_) {
        first_ = made;
    }
    last_ = std::move(made);
    last_bytes_ = 0;
}

void Recording::give_up_beginning() {
    is_whole_ = false;
    first_ = {};
    marks_ = {};
    budget_.bytes -= std::exchange(charged_bytes_, 0);
}

void Recording::release() {
    give_up_beginning();
    last_ = {};
    last_bytes_ = 0;
}

ReplyRef Recording::finish(std::string_view note) const {
    if (!is_whole_ || !head_) {
        return {};
    }
    std::vector<std::string_view> parts;
    parts.reserve(bytes_ / Chunk::kBytes + 1);
    uint64_t left = bytes_;
    for (Chunk* chunk = first_.get(); left > 0; chunk = chunk->next.get()) {
        const auto part = static_cast<size_t>(std::min<uint64_t>(left, Chunk::kBytes));
        parts.emplace_back(chunk->bytes(), part);
        left -= part;
    }
    ReplyHead head = head_->head();
    if (!note.empty()) {
        head.note = note;
    }
    // Marks tell the pieces of a stream; the pieces of a whole answer are the network's.
    const bool has_pieces = head.form == ReplyForm::stream;
    return Reply::make(
        head, parts,
        has_pieces ? std::span<const PieceMark>(marks_) : std::span<const PieceMark>());
}

void LiveReader::update(const LiveProgress& progress) {
    if (has_ended_) {
        return;
    }
    if (!head_) {
        head_ = progress.head;
    }
    if (!chunk_ && position_ == 0) {
        chunk_ = progress.first;
    }
    published_ = progress.bytes;
    if (!progress.first && available_bytes() > lag_bytes_max_) {
        fail({.kind = ErrorKind::overloaded, .where = "a joined stream was not read"});
    }
}

void LiveReader::complete(ReplyRef reply) {
    if (has_ended_) {
        return;
    }
    if (!head_) {
        head_ = reply;
    }
    published_ = reply->body().size();
    reply_ = std::move(reply);
    chunk_ = {};
    has_ended_ = true;
}

void LiveReader::end(uint64_t bytes) {
    if (!has_ended_) {
        published_ = bytes;
        has_ended_ = true;
    }
}

void LiveReader::fail(const Error& error) {
    if (!has_ended_) {
        error_ = error;
        has_ended_ = true;
        chunk_ = {};
        published_ = position_;
    }
}

void LiveReader::take(uint64_t bytes_max, SliceQueue& to) {
    uint64_t left = std::min(bytes_max, available_bytes());
    if (reply_ && left > 0) {
        to.push_back(slice_of(reply_, position_, left));
        position_ += left;
        return;
    }
    while (left > 0) {
        if (chunk_offset_ == Chunk::kBytes) {
            chunk_ = Ref<Chunk>(chunk_->next);
            chunk_offset_ = 0;
        }
        const auto part =
            static_cast<size_t>(std::min<uint64_t>(left, Chunk::kBytes - chunk_offset_));
        to.push_back(SharedBlock<Chunk>::slice(chunk_, {chunk_->bytes() + chunk_offset_, part}));
        chunk_offset_ += part;
        position_ += part;
        left -= part;
    }
}

}  // namespace sluice::cache
