// Edits are kept in the order of their place. Where commas have to go is settled at the end, when
// it is known which neighbours stay.
#include "json/splice.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/slice.h"
#include "json/characters.h"

namespace sluice::json {

namespace {

// A place in a queue of slices from which one can step either way.
class Cursor {
public:
    Cursor(const SliceQueue& queue, size_t offset) : queue_(&queue), offset_(offset) {
        SLUICE_ASSERT(offset < queue.size_bytes());
        while (offset - slice_begin_ >= queue.at(index_).size()) {
            slice_begin_ += queue.at(index_).size();
            ++index_;
        }
    }

    char byte() const { return queue_->at(index_).data()[offset_ - slice_begin_]; }
    size_t offset() const { return offset_; }

    void forward() {
        ++offset_;
        SLUICE_ASSERT(offset_ < queue_->size_bytes());
        if (offset_ - slice_begin_ == queue_->at(index_).size()) {
            slice_begin_ = offset_;
            ++index_;
        }
    }

    void backward() {
        SLUICE_ASSERT(offset_ > 0);
        if (offset_ == slice_begin_) {
            --index_;
            slice_begin_ -= queue_->at(index_).size();
        }
        --offset_;
    }

private:
    const SliceQueue* queue_;
    size_t offset_;
    size_t slice_begin_ = 0;
    uint32_t index_ = 0;
};

// The first byte at or after `offset` that is not white space.
Cursor next_token(const SliceQueue& body, size_t offset) {
    Cursor cursor(body, offset);
    while (is_space(cursor.byte())) {
        cursor.forward();
    }
    return cursor;
}

// The last byte before `offset` that is not white space.
Cursor previous_token(const SliceQueue& body, size_t offset) {
    Cursor cursor(body, offset);
    do {
        cursor.backward();
    } while (is_space(cursor.byte()));
    return cursor;
}

// The byte after the string whose opening quote is at `offset`.
uint32_t string_end(const SliceQueue& body, size_t offset) {
    Cursor cursor(body, offset);
    do {
        if (cursor.byte() == '\\') {
            cursor.forward();
        }
        cursor.forward();
    } while (cursor.byte() != '"');
    return static_cast<uint32_t>(cursor.offset() + 1);
}

}  // namespace

void Splice::replace(const Field& field, std::string_view json) {
    SLUICE_ASSERT(field.is_complete());
    add({field.begin, field.end, Kind::replacement, false, json});
}

void Splice::rename(const Field& field, std::string_view quoted_key) {
    SLUICE_ASSERT(field.is_present());
    const uint32_t end = string_end(*body_, field.key_begin);
    add({field.key_begin, end, Kind::replacement, false, quoted_key});
}

void Splice::remove(const Field& field) {
    SLUICE_ASSERT(field.is_complete());
    add({field.key_begin, field.end, Kind::removal, false, {}});
}

void Splice::insert_first(size_t object_begin, std::string_view member) {
    SLUICE_ASSERT(object_begin > 0);
    const auto at = static_cast<uint32_t>(object_begin);
    add({at, at, Kind::insertion, false, member});
}

// Keeps the order of places; at one place, insertions come first and in the order of the calls.
void Splice::add(const Edit& edit) {
    SLUICE_ASSERT(!is_settled_ && count_ < kEditsMax);
    size_t index = count_++;
    for (; index > 0; --index) {
        const Edit& before = edits_[index - 1];
        if (before.begin < edit.begin ||
            (before.begin == edit.begin && before.kind == Kind::insertion)) {
            break;
        }
        edits_[index] = before;
    }
    edits_[index] = edit;
}

void Splice::settle() {
    if (is_settled_) {
        return;
    }
    is_settled_ = true;
    for (size_t i = 0; i < count_; ++i) {
        SLUICE_ASSERT(i == 0 || edits_[i - 1].end <= edits_[i].begin);
    }
    for (size_t i = 0; i < count_; ++i) {
        if (edits_[i].kind == Kind::removal) {
            settle_removal(i);
        }
    }
    settle_insertions();
}

// A member that is taken out takes the comma after it along. The last one has none and takes the
// comma before it; if that has gone with a member before, then that member was, in effect, the last
// one, and so on.
void Splice::settle_removal(size_t index) {
    Edit& edit = edits_[index];
    const Cursor after = next_token(*body_, edit.end);
    if (after.byte() == ',') {
        edit.end = static_cast<uint32_t>(after.offset() + 1);
        return;
    }
    size_t first = index;  // The first edit that becomes part of this one.
    while (true) {
        const Cursor before = previous_token(*body_, edit.begin);
        if (before.byte() != ',') {
            break;  // The opening brace: nothing is left of the object.
        }
        edit.begin = static_cast<uint32_t>(before.offset());
        if (first == 0 || edits_[first - 1].end <= edit.begin) {
            break;
        }
        edit.begin = edits_[--first].begin;
    }
    for (; first < index; ++first) {
        edits_[first].begin = edits_[first].end = edit.begin;
    }
}

void Splice::settle_insertions() {
    for (size_t i = 0; i < count_; ++i) {
        if (edits_[i].kind == Kind::insertion) {
            const bool has_next = i + 1 < count_ && edits_[i + 1].kind == Kind::insertion;
            edits_[i].has_comma = has_next || !is_empty_after(edits_[i].begin);
        }
    }
}

// Whether no member is left in the object that opens before `object_begin`.
bool Splice::is_empty_after(size_t object_begin) const {
    size_t offset = next_token(*body_, object_begin).offset();
    for (size_t i = 0; i < count_; ++i) {
        const Edit& edit = edits_[i];
        if (edit.kind == Kind::removal && edit.begin <= offset && offset < edit.end) {
            offset = next_token(*body_, edit.end).offset();
        }
    }
    return Cursor(*body_, offset).byte() == '}';
}

int64_t Splice::growth_bytes() {
    settle();
    int64_t growth = 0;
    for (size_t i = 0; i < count_; ++i) {
        const Edit& edit = edits_[i];
        growth += static_cast<int64_t>(edit.text.size()) + (edit.has_comma ? 1 : 0);
        growth -= static_cast<int64_t>(edit.end - edit.begin);
    }
    return growth;
}

void Splice::apply(SliceQueue& to) {
    settle();
    size_t at = 0;
    for (size_t i = 0; i < count_; ++i) {
        const Edit& edit = edits_[i];
        body_->move_front_to(edit.begin - at, to);
        to.push_back(Slice::unowned(edit.text));
        if (edit.has_comma) {
            to.push_back(Slice::unowned(","));
        }
        body_->drop_front(edit.end - edit.begin);
        at = edit.end;
    }
    to.append(std::move(*body_));
}

}  // namespace sluice::json
