// Marks come first, as they have an alignment; then the content type, the note and the body.
#include "cache/reply.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "base/assert.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/counted.h"

namespace sluice::cache {

ReplyRef Reply::make(const ReplyHead& head,
                     std::span<const std::string_view> body,
                     std::span<const PieceMark> marks) {
    size_t body_bytes = 0;
    for (const std::string_view part : body) {
        body_bytes += part.size();
    }
    SLUICE_ASSERT(body_bytes <= UINT32_MAX);
    const size_t all_bytes = sizeof(Reply) + marks.size_bytes() + head.content_type.size() +
                             head.note.size() + body_bytes;
    void* const memory = std::malloc(all_bytes);
    SLUICE_ASSERT(memory != nullptr);
    auto* const reply = new (memory) Reply();
    reply->memory_bytes_ = allocated_bytes(memory);
    reply->marks_ = static_cast<uint32_t>(marks.size());
    reply->content_type_bytes_ = static_cast<uint32_t>(head.content_type.size());
    reply->note_bytes_ = static_cast<uint32_t>(head.note.size());
    reply->body_bytes_ = static_cast<uint32_t>(body_bytes);
    reply->status_ = head.status;
    reply->form_ = head.form;
    char* to = static_cast<char*>(memory) + sizeof(Reply);
    const auto put = [&to](const void* from, size_t size_bytes) {
        if (size_bytes > 0) {
            std::memcpy(to, from, size_bytes);
            to += size_bytes;
        }
    };
    put(marks.data(), marks.size_bytes());
    put(head.content_type.data(), head.content_type.size());
    put(head.note.data(), head.note.size());
    for (const std::string_view part : body) {
        put(part.data(), part.size());
    }
    return ReplyRef(reply);
}

void Reply::dispose(const Reply* reply) {
    reply->~Reply();
    std::free(const_cast<Reply*>(reply));
}

ReplyHead Reply::head() const {
    return {.status = status_,
            .form = form_,
            .content_type = {texts(), content_type_bytes_},
            .note = {texts() + content_type_bytes_, note_bytes_}};
}

std::string_view Reply::body() const {
    return {texts() + content_type_bytes_ + note_bytes_, body_bytes_};
}

Slice slice_of(const ReplyRef& reply, size_t offset, size_t length) {
    return SharedBlock<const Reply>::slice(reply, reply->body().substr(offset, length));
}

void Replay::take_due(Instant now, size_t bytes_max, SliceQueue& to) {
    const size_t size = reply_->body().size();
    size_t end = size;
    const std::span<const PieceMark> marks = reply_->marks();
    if (pace_ == ReplayPace::original && !marks.empty()) {
        const int64_t passed_ms = (now - began_).ms();
        end = taken_bytes_;
        while (mark_ < marks.size() && marks[mark_].at_ms <= passed_ms) {
            const size_t mark_end = marks[mark_].end_bytes;
            if (mark_end - taken_bytes_ > bytes_max && end > taken_bytes_) {
                break;
            }
            end = mark_end;
            ++mark_;
        }
        if (mark_ == marks.size()) {
            end = size;
        }
    } else if (size - taken_bytes_ > bytes_max) {
        end = taken_bytes_ + bytes_max;
    }
    if (end > taken_bytes_) {
        to.push_back(slice_of(reply_, taken_bytes_, end - taken_bytes_));
        taken_bytes_ = end;
    }
}

Instant Replay::next_due() const {
    if (is_over()) {
        return Instant::never();
    }
    const std::span<const PieceMark> marks = reply_->marks();
    if (pace_ == ReplayPace::at_once || mark_ >= marks.size()) {
        return began_;
    }
    return began_ + Duration::milliseconds(marks[mark_].at_ms);
}

}  // namespace sluice::cache
