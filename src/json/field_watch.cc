// What a Validator does for watched members: keys are put together and looked up, values noted.
#include "json/field_watch.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/assert.h"
#include "base/text.h"
#include "json/validator_machine.h"

namespace sluice::json {

namespace {

// The only two characters outside of ASCII that fold to an ASCII letter.
constexpr std::string_view kLongS = "\xC5\xBF";       // U+017F, as s.
constexpr std::string_view kKelvin = "\xE2\x84\xAA";  // U+212A, as k.

ValueType type_from(char first) {
    switch (first) {
        case '{':
            return ValueType::object;
        case '[':
            return ValueType::array;
        case '"':
            return ValueType::string;
        case 't':
            return ValueType::boolean_true;
        case 'f':
            return ValueType::boolean_false;
        case 'n':
            return ValueType::null;
        default:
            return ValueType::number;
    }
}

struct FoldedKey {
    std::string_view key;
    bool is_folded;
};

// Folds, in place, the characters outside of ASCII that some parsers take for ASCII letters.
FoldedKey fold_to_ascii(std::span<char> key) {
    size_t kept = 0;
    for (size_t i = 0; i < key.size();) {
        const std::string_view rest(key.data() + i, key.size() - i);
        if (rest.starts_with(kLongS)) {
            key[kept++] = 's';
            i += kLongS.size();
        } else if (rest.starts_with(kKelvin)) {
            key[kept++] = 'k';
            i += kKelvin.size();
        } else {
            key[kept++] = key[i++];
        }
    }
    return {{key.data(), kept}, kept != key.size()};
}

constexpr bool has_text(ValueType type) {
    return type == ValueType::string || type == ValueType::number;
}

}  // namespace

void Validator::Machine::keep_key(std::string_view part) {
    if (part.size() > v_.key_.size() - std::min<size_t>(v_.key_bytes_, v_.key_.size())) {
        v_.key_bytes_ = kKeyTooLong;
        return;
    }
    if (!part.empty()) {
        std::memcpy(v_.key_.data() + v_.key_bytes_, part.data(), part.size());
        v_.key_bytes_ = static_cast<uint8_t>(v_.key_bytes_ + part.size());
    }
}

// Four hexadecimal digits of a watched key have been read.
void Validator::Machine::keep_code_unit() {
    if (v_.code_unit_ < 0x80) {
        const char c = static_cast<char>(v_.code_unit_);
        keep_key(std::string_view(&c, 1));
    } else if (v_.code_unit_ == 0x17F) {
        keep_key(kLongS);
    } else if (v_.code_unit_ == 0x212A) {
        keep_key(kKelvin);
    } else {
        v_.key_bytes_ = kKeyTooLong;
    }
}

// `at` is at the closing quote.
const char* Validator::Machine::end_key(const char* at) {
    v_.state_ = State::colon;
    if (is_watched_key()) {
        keep_key(std::string_view(mark_, static_cast<size_t>(at - mark_)));
        if (v_.key_bytes_ != kKeyTooLong) {
            const auto [key, is_folded] = fold_to_ascii({v_.key_.data(), v_.key_bytes_});
            if (is_folded ? !check_lookalike(key, v_.key_begin_) : !look_up(key, v_.key_begin_)) {
                return end_;
            }
        }
    }
    return at + 1;
}

// A key that may be watched began at `key_begin`. False when it must not be there.
bool Validator::Machine::look_up(std::string_view key, uint32_t key_begin) {
    FieldWatch& watch = *v_.watch_;
    const uint8_t index = watch.list_->find(key, parent());
    if (index == WatchList::kNone) {
        return check_lookalike(key, key_begin);
    }
    FieldWatch::Slot& slot = watch.slots_[index];
    if (slot.type != ValueType::absent) {
        return refuse_key(index, key_begin);
    }
    slot.key_begin = key_begin;
    v_.slot_ = index;
    return true;
}

// False when `key`, which is not watched, could be taken for one that is.
bool Validator::Machine::check_lookalike(std::string_view key, uint32_t key_begin) {
    if (!v_.refuses_lookalikes_) {
        return true;
    }
    const uint8_t index = v_.watch_->list_->find_lookalike(key, parent());
    return index == WatchList::kNone || refuse_key(index, key_begin);
}

bool Validator::Machine::refuse_key(uint8_t index, uint32_t key_begin) {
    v_.fail_at(key_begin, ErrorKind::invalid_field, "expected a key once, in one spelling");
    v_.error_where_ = v_.watch_->list_->path(index);
    return false;
}

// The value of a watched member begins at `at`.
void Validator::Machine::begin_watched(const char* at) {
    FieldWatch& watch = *v_.watch_;
    FieldWatch::Slot& slot = watch.slots_[v_.slot_];
    slot.type = type_from(*at);
    slot.begin = offset(at);
    if (slot.type == ValueType::object || slot.type == ValueType::array) {
        v_.open_[v_.depth_ - 1U] = v_.slot_;
        if (slot.type == ValueType::object && watch.list_->is_parent(v_.slot_)) {
            v_.watch_depth_ = 2;
        }
    } else {
        v_.scalar_ = v_.slot_;
    }
    v_.slot_ = WatchList::kNone;
}

void Validator::Machine::end_scalar(const char* text_end, const char* value_end) {
    const uint8_t index = v_.scalar_;
    v_.scalar_ = WatchList::kNone;
    v_.watch_->slots_[index].end = offset(value_end);
    v_.watch_->append_text(index, std::string_view(mark_, static_cast<size_t>(text_end - mark_)));
}

// The container that ended before `at` was the value of a member at this depth.
void Validator::Machine::end_container(const char* at) {
    uint8_t& index = v_.open_[v_.depth_ - 1U];
    if (index == WatchList::kNone) {
        return;
    }
    v_.watch_->slots_[index].end = offset(at);
    index = WatchList::kNone;
    if (v_.depth_ == 1) {
        v_.watch_depth_ = 1;
    }
}

// The piece ends inside of a token: copies what will be asked for later.
void Validator::Machine::keep_unfinished() {
    if (v_.scalar_ != WatchList::kNone) {
        v_.watch_->append_text(v_.scalar_,
                               std::string_view(mark_, static_cast<size_t>(end_ - mark_)));
    } else if ((v_.state_ == State::text || v_.state_ == State::continuation) && is_watched_key()) {
        keep_key(std::string_view(mark_, static_cast<size_t>(end_ - mark_)));
    }
}

uint8_t WatchList::find_lookalike(std::string_view key, uint8_t parent) const {
    if (key.empty() || key.size() > kKeyBytesMax) {
        return kNone;
    }
    uint32_t left = by_length_[key.size()] & children_of(parent);
    for (; left != 0; left &= left - 1) {
        const auto index = static_cast<uint8_t>(__builtin_ctz(left));
        const char* const ours = keys_[index].data();
        // The first letters differ nearly always.
        if (ascii_lower(*ours) == ascii_lower(key.front()) &&
            equals_ignoring_case({ours, key.size()}, key)) {
            return index;
        }
    }
    return kNone;
}

Field FieldWatch::field(size_t index) const {
    SLUICE_ASSERT(index < list_->size());
    const Slot& slot = slots_[index];
    Field field{.type = slot.type,
                .has_text = has_text(slot.type) && slot.end != 0 &&
                            slot.text_bytes <= list_->text_bytes_max(index),
                .key_begin = slot.key_begin,
                .begin = slot.begin,
                .end = slot.end,
                .text = {}};
    if (field.has_text) {
        field.text = std::string_view(text_.data() + list_->text_offset(index), slot.text_bytes);
    }
    return field;
}

void FieldWatch::append_text(uint8_t index, std::string_view part) {
    Slot& slot = slots_[index];
    if (!has_text(slot.type) || part.empty()) {
        return;
    }
    const size_t bytes_max = list_->text_bytes_max(index);
    if (slot.text_bytes > bytes_max || part.size() > bytes_max - slot.text_bytes) {
        slot.text_bytes = static_cast<uint16_t>(bytes_max + 1);
        return;
    }
    std::memcpy(text_.data() + list_->text_offset(index) + slot.text_bytes, part.data(),
                part.size());
    slot.text_bytes = static_cast<uint16_t>(slot.text_bytes + part.size());
}

}  // namespace sluice::json
