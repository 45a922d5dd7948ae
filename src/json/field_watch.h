// Which members of a document the gateway wants to know, and what the Validator found of them.
//
// A WatchList is a table in the program; a FieldWatch holds one document's findings in a fixed
// piece of memory: type, byte range, and a copy of the text of scalars, so that nobody has to look
// at the body again, even when a value lies across two receive buffers. A watched key that occurs
// twice is an error, because the gateway and the provider could each believe another one.
// One exchange owns a FieldWatch, while its request body arrives.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>

#include "base/assert.h"

namespace sluice::json {

class Validator;

enum class ValueType : uint8_t {
    absent,
    object,
    array,
    string,
    number,
    boolean_true,
    boolean_false,
    null,
};

// A member to look for: `key` in the top object, or `parent/key` one level deeper. Keys are plain
// ASCII without '/'. The text of a string or a number is kept when it has at most `text_bytes_max`
// bytes as written in the document.
struct Watch {
    const char* path;
    uint16_t text_bytes_max = 0;
};

// A checked table of watches; a mistake in it does not compile. The parent of a deeper member must
// stand before it. Entries are addressed by their position, which an enum beside the table names.
class WatchList {
public:
    static constexpr size_t kWatchesMax = 22;
    static constexpr size_t kKeyBytesMax = 32;
    // A lookalike can be longer: two letters have one outside of ASCII that folds to them.
    static constexpr size_t kFoldedBytesMax = 40;
    // The room for texts, shared out by the table so that no value can take another one's place.
    static constexpr size_t kTextBytesMax = 464;
    static constexpr uint8_t kNone = 0xFF;

    consteval WatchList(std::initializer_list<Watch> watches);

    size_t size() const { return count_; }
    // The path as given in the table.
    const char* path(size_t index) const { return paths_[index]; }
    // True when `index` is the parent of another entry.
    bool is_parent(size_t index) const { return children_[index] != 0; }

    // False for most keys that are none of ours and no lookalikes: goes by the length and the first
    // letter. `key` is ASCII.
    bool may_have(std::string_view key) const {
        return !key.empty() && (filter_ >> filter_bit(key) & 1U) != 0;
    }

    // The entry for `key` (unescaped) inside entry `parent`, or kNone. `parent` is kNone for the
    // top object.
    constexpr uint8_t find(std::string_view key, uint8_t parent) const {
        if (key.size() > kKeyBytesMax) {
            return kNone;
        }
        uint32_t left = by_length_[key.size()] & children_of(parent);
        for (; left != 0; left &= left - 1) {
            const auto index = static_cast<uint8_t>(__builtin_ctz(left));
            if (is_key(index, key)) {
                return index;
            }
        }
        return kNone;
    }

    // The entry that `key` would be if the case of ASCII letters did not count, or kNone.
    uint8_t find_lookalike(std::string_view key, uint8_t parent) const;

    uint16_t text_offset(size_t index) const { return text_offsets_[index]; }
    uint16_t text_bytes_max(size_t index) const {
        return static_cast<uint16_t>(text_offsets_[index + 1] - text_offsets_[index]);
    }

private:
    consteval void add(const Watch& watch);
    static consteval bool is_good_key(std::string_view key);

    // The same for both cases of a letter.
    static constexpr unsigned filter_bit(std::string_view key) {
        return static_cast<unsigned>((key.front() & 0x1F) + 9 * key.size()) & 0x3FU;
    }

    constexpr uint32_t children_of(uint8_t parent) const {
        return children_[parent == kNone ? kWatchesMax : parent];
    }

    // `key` has the length of key `index`. Compares words that may overlap: this runs for every
    // key of the top object, and a call of memcmp costs more than the comparison.
    constexpr bool is_key(size_t index, std::string_view key) const {
        const char* const ours = keys_[index].data();
        const size_t size = key.size();
        if consteval {
            return std::string_view(ours, size) == key;
        }
        const auto same = [&]<class Word>(Word a, size_t at) {
            Word b = 0;
            std::memcpy(&a, ours + at, sizeof(Word));
            std::memcpy(&b, key.data() + at, sizeof(Word));
            return a == b;
        };
        if (size >= 8) {
            return same(uint64_t{0}, 0) && same(uint64_t{0}, size - 8) &&
                   (size <= 16 || same(uint64_t{0}, 8)) && (size <= 24 || same(uint64_t{0}, 16));
        }
        if (size >= 4) {
            return same(uint32_t{0}, 0) && same(uint32_t{0}, size - 4);
        }
        return std::string_view(ours, size) == key;
    }

    std::array<const char*, kWatchesMax> paths_{};
    std::array<std::array<char, kKeyBytesMax>, kWatchesMax> keys_{};
    std::array<uint16_t, kWatchesMax + 1> text_offsets_{};
    // Sets of entries, one bit each: those with keys of a length, those inside a parent (the last
    // is the top object).
    std::array<uint32_t, kKeyBytesMax + 1> by_length_{};
    std::array<uint32_t, kWatchesMax + 1> children_{};
    uint64_t filter_ = 0;
    uint8_t count_ = 0;
};

// What is known of one member. `end` is 0 until the whole value has been seen.
struct Field {
    ValueType type = ValueType::absent;
    // `text` is the whole value; false when it is longer than the table allows, or not complete.
    bool has_text = false;
    uint32_t key_begin = 0;  // The opening quote of the key.
    uint32_t begin = 0;      // The value as written, quotes and brackets included: [begin, end).
    uint32_t end = 0;
    // A string without its quotes, still escaped (unescape.h); a number as written. Lives in the
    // FieldWatch.
    std::string_view text;

    bool is_present() const { return type != ValueType::absent; }
    bool is_complete() const { return end != 0; }
};

class FieldWatch {
public:
    // `list` is a constant of the program.
    explicit FieldWatch(const WatchList& list) : list_(&list) {}
    FieldWatch(const FieldWatch&) = delete;
    FieldWatch& operator=(const FieldWatch&) = delete;

    Field field(size_t index) const;
    const WatchList& list() const { return *list_; }

private:
    friend class Validator;

    struct Slot {
        uint32_t key_begin = 0;
        uint32_t begin = 0;
        uint32_t end = 0;
        uint16_t text_bytes = 0;  // More than the table allows: not kept.
        ValueType type = ValueType::absent;
    };

    void append_text(uint8_t index, std::string_view part);

    const WatchList* list_;
    std::array<Slot, WatchList::kWatchesMax> slots_{};
    std::array<char, WatchList::kTextBytesMax> text_;  // Only what slots_ counts is ever read.
};

consteval WatchList::WatchList(std::initializer_list<Watch> watches) {
    for (const Watch& watch : watches) {
        add(watch);
    }
}

consteval void WatchList::add(const Watch& watch) {
    const std::string_view path = watch.path;
    const size_t slash = path.find('/');
    const bool is_inner = slash != path.npos;
    const std::string_view key = is_inner ? path.substr(slash + 1) : path;
    const uint8_t parent = is_inner ? find(path.substr(0, slash), kNone) : kNone;
    SLUICE_ASSERT(count_ < kWatchesMax && is_good_key(key));
    SLUICE_ASSERT(!is_inner || parent != kNone);
    SLUICE_ASSERT(find(key, parent) == kNone);
    paths_[count_] = watch.path;
    std::copy(key.begin(), key.end(), keys_[count_].begin());
    const uint32_t bit = 1U << count_;
    by_length_[key.size()] |= bit;
    children_[is_inner ? parent : kWatchesMax] |= bit;
    filter_ |= uint64_t{1} << filter_bit(key);
    const size_t text_end = text_offsets_[count_] + size_t{watch.text_bytes_max};
    SLUICE_ASSERT(text_end <= kTextBytesMax);
    ++count_;
    text_offsets_[count_] = static_cast<uint16_t>(text_end);
}

consteval bool WatchList::is_good_key(std::string_view key) {
    size_t folded_bytes_max = key.size();
    for (const char c : key) {
        if (c < 0x20 || c >= 0x7F || c == '/' || c == '"' || c == '\\') {
            return false;
        }
        folded_bytes_max += c == 's' || c == 'S' ? 1U : c == 'k' || c == 'K' ? 2U : 0U;
    }
    return !key.empty() && key.size() <= kKeyBytesMax && folded_bytes_max <= kFoldedBytesMax;
}

}  // namespace sluice::json
