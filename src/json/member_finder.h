// MemberFinder: looks for one member with an object as value, for example "usage", in a long body
// or a stream of events, without parsing what surrounds it; or, where it is told so, for one with a
// text as value.
//
// Why a plain search for the quoted key is right in valid JSON: inside a string every quote is
// written with a backslash before it, so the bytes `"usage"` with no backslash before the first
// quote cannot begin inside a string. Nor can that first quote end a string, because only white
// space, a comma, a colon or a bracket may follow an end. So it begins a string, which is exactly
// `usage`; and with a colon after it, it is a key. A key spelt with escapes is not found.
//
// Takes pieces cut at any byte. Reports the last complete object; inside one it does not search.
// One exchange owns it, while a response passes; memory is taken from the arena at the first find.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "json/text_scan.h"

namespace sluice::json {

class MemberFinder {
public:
    static constexpr size_t kKeyBytesMax = 32;

    struct Options {
        // Larger objects are passed over.
        size_t value_bytes_max = 4096;
        // Texts are found in place of objects: what stands between their quotes, unless it is
        // empty.
        bool finds_texts = false;
        // For tests; null takes the best one.
        const TextScan* scan = nullptr;
    };

    // `quoted_key` is a literal with its quotes, for example "\"usage\"", in plain ASCII, without
    // a quote or backslash inside.
    MemberFinder(std::string_view quoted_key, Arena& arena)
        : MemberFinder(quoted_key, arena, Options{}) {}
    MemberFinder(std::string_view quoted_key, Arena& arena, const Options& options);

    void feed(std::string_view piece);
    // Likewise up to the end of the next find; returns the rest of the piece.
    std::string_view feed_to_find(std::string_view piece);

    // The last complete object as it was written, braces included; empty when none was seen. Valid
    // until the next find is complete.
    std::string_view value() const { return {found_.data, found_.size}; }
    bool has_value() const { return found_.size > 0; }
    // How many complete objects were seen; tells whether value() is new.
    uint32_t count() const { return count_; }

private:
    enum class State : uint8_t { search, colon, value, inside, text };
    struct Buffer {
        char* data = nullptr;
        uint32_t size = 0;
        uint32_t capacity = 0;
    };

    const char* search(const char* at, const char* end, const char* begin);
    const char* inside(const char* at, const char* end);
    const char* text(const char* at, const char* end);
    void keep(std::string_view part);
    void end_value();

    std::string_view quoted_key_;
    Arena* arena_;
    FindPair find_pair_;
    Buffer found_;
    Buffer pending_;
    uint32_t value_bytes_max_;
    uint32_t depth_ = 0;
    uint32_t count_ = 0;
    State state_ = State::search;
    uint8_t matched_ = 0;  // Bytes of the quoted key that the last piece ended with.
    char last_ = 0;        // The byte before the next piece.
    bool in_string_ = false;
    bool after_backslash_ = false;
    bool is_too_long_ = false;
    bool finds_texts_ = false;
};

}  // namespace sluice::json
