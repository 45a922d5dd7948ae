// Validator: says whether bytes that arrive piece by piece are one JSON text (RFC 8259), and finds
// the watched members on the way.
//
// Strict: the whole grammar, UTF-8 by RFC 3629, no byte order mark, nothing after the value. A
// \u escape of a lone surrogate is accepted, as the grammar has it; unescape.h refuses it where a
// value is used. Takes pieces cut at any byte, does not recurse, does not allocate, and looks at
// each byte once; numbers are never converted. One exchange owns it, while a body arrives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "json/field_watch.h"
#include "json/text_scan.h"

namespace sluice::json {

class Validator {
public:
    static constexpr uint16_t kDepthMax = 512;
    // Offsets are kept in 32 bits; every body limit is far below.
    static constexpr size_t kDocumentBytesMax = 0xFFFF'FFFF;

    struct Options {
        uint16_t depth_max = kDepthMax;  // At most kDepthMax.
        // Who is blamed in errors.
        ErrorSource source = ErrorSource::client;
        // Where findings go; may be null, must outlive the Validator's last call.
        FieldWatch* watch = nullptr;
        // A key that some parsers would take for a watched one, because they do not look at the
        // case of letters, is as bad as a second one.
        bool refuses_lookalikes = true;
        // For tests; null takes the best one.
        const TextScan* scan = nullptr;
    };

    Validator() : Validator(Options{}) {}
    explicit Validator(const Options& options);
    Validator(const Validator&) = delete;
    Validator& operator=(const Validator&) = delete;

    // Takes the next bytes. Fails with invalid_json when they cannot continue a JSON text (`where`
    // is error_text()), and with invalid_field when a watched key occurs a second time or in a
    // lookalike (`where` is its path). Once it has failed it keeps failing with the same error.
    Status feed(std::string_view piece);
    // The bytes are all there; fails when the text is not complete.
    Status finish();

    // Bytes taken so far.
    size_t size_bytes() const { return taken_; }
    // After an error: the offset of the byte that was wrong (of a key: its opening quote), and a
    // static text that says what is wrong or should have stood there.
    size_t error_offset() const { return error_offset_; }
    const char* error_text() const { return error_text_; }

    // The top value, known from its first byte on.
    bool is_object() const { return object_begin_ != 0; }
    // The offset right after the top object's opening brace; 0 when there is none.
    size_t object_begin() const { return object_begin_; }
    // The top object has no member. Known from the byte after the opening brace on.
    bool is_empty_object() const { return is_empty_object_; }

private:
    // What may come next, or what we are inside of.
    enum class State : uint8_t {
        value,
        first_item,  // After '['.
        first_key,   // After '{'.
        key,         // After ',' in an object.
        colon,
        after_value,
        text,
        escape,
        hex,
        continuation,  // Inside a UTF-8 character.
        minus,
        zero,
        integer,
        point,
        fraction,
        exponent_mark,
        exponent_sign,
        exponent,
        literal,
        failed,
    };
    class Machine;

    void fail_at(uint32_t offset, ErrorKind kind, const char* text);
    Status status() const;

    FieldWatch* watch_;
    const TextScan* scan_;
    const char* error_text_ = "";
    const char* error_where_ = "";
    const char* literal_left_ = "";
    // One bit per open container: set for an object.
    std::array<uint64_t, kDepthMax / 64> objects_{};
    uint32_t taken_ = 0;
    uint32_t error_offset_ = 0;
    uint32_t object_begin_ = 0;
    uint32_t key_begin_ = 0;
    uint16_t depth_ = 0;
    uint16_t depth_max_;
    State state_ = State::value;
    ErrorSource source_;
    ErrorKind error_kind_ = ErrorKind::none;
    bool in_object_ = false;
    bool is_key_ = false;
    bool is_empty_object_ = false;
    uint8_t hex_left_ = 0;
    uint8_t continuation_left_ = 0;
    uint8_t continuation_low_ = 0;
    uint8_t continuation_high_ = 0;
    uint16_t code_unit_ = 0;
    // Watching.
    uint8_t watch_depth_ = 0;  // Keys at this depth or above are compared.
    bool refuses_lookalikes_;
    uint8_t slot_ = WatchList::kNone;    // The key before the value was this entry's.
    uint8_t scalar_ = WatchList::kNone;  // The entry whose text is being copied.
    uint8_t key_bytes_ = 0;
    std::array<uint8_t, 2> open_{WatchList::kNone, WatchList::kNone};
    std::array<char, WatchList::kFoldedBytesMax> key_;
};

}  // namespace sluice::json
