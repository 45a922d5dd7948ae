// Tree: a whole JSON text as values that point into it, for bodies that are translated.
//
// Nothing is decoded: a string stays as it was written between its quotes, a number as its digits,
// an object as its bytes. So a text passes from one dialect to another by one copy, and numbers
// keep their spelling. The text is checked on the way (RFC 8259, UTF-8 by RFC 3629), with the same
// strictness as the Validator; a member that occurs twice counts by its first place. Values lie in
// an arena and live as long as it and the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/field_watch.h"

namespace sluice::json {

// The inside of a JSON string, as written: escapes are still escapes.
struct Text {
    std::string_view raw;

    bool empty() const { return raw.empty(); }
    // Exact for names without escapes, which is how every client writes them.
    bool operator==(std::string_view plain) const { return raw == plain; }
};

// Embeddings are arrays of thousands of numbers, which pass as they are written.
enum class NumberItems : uint8_t {
    kept,
    skipped,  // Numbers inside arrays are checked and counted, but no items.
};

class Value {
public:
    static constexpr uint16_t kDepthMax = 512;

    // The value of a whole text, of which nothing is copied. Fails with invalid_json; `where` says
    // what should have stood there.
    static Result<const Value*> parse(std::string_view text,
                                      Arena& arena,
                                      ErrorSource source,
                                      NumberItems number_items = NumberItems::kept);

    ValueType type() const { return type_; }
    bool is_present() const { return type_ != ValueType::absent; }
    // Absent or null: to most services the same.
    bool is_nothing() const { return type_ == ValueType::absent || type_ == ValueType::null; }
    bool is_object() const { return type_ == ValueType::object; }
    bool is_array() const { return type_ == ValueType::array; }
    bool is_string() const { return type_ == ValueType::string; }
    bool is_number() const { return type_ == ValueType::number; }
    bool is_boolean() const { return is_true() || type_ == ValueType::boolean_false; }
    bool is_true() const { return type_ == ValueType::boolean_true; }

    // As written, quotes and brackets included; empty when absent.
    std::string_view raw() const { return raw_; }
    // The inside of a string; empty for anything else.
    Text text() const { return is_string() ? Text{raw_.substr(1, raw_.size() - 2)} : Text{}; }
    // A whole number that fits; nothing for anything else.
    std::optional<int64_t> integer() const;
    std::optional<double> number() const;

    // Members of an object, items of an array; none for anything else.
    uint32_t size() const { return count_; }
    // The member `key` (without escapes) of an object; an absent value when there is none.
    const Value& operator[](std::string_view key) const;
    // The name of a member.
    Text key() const { return {key_}; }

    class Iterator {
    public:
        explicit Iterator(const Value* at) : at_(at) {}
        const Value& operator*() const { return *at_; }
        const Value* operator->() const { return at_; }
        Iterator& operator++() {
            at_ = at_->next_;
            return *this;
        }
        bool operator==(const Iterator&) const = default;

    private:
        const Value* at_;
    };
    Iterator begin() const { return Iterator(first_); }
    Iterator end() const { return Iterator(nullptr); }

private:
    friend class TreeBuilder;

    std::string_view raw_;
    std::string_view key_;
    const Value* first_ = nullptr;
    const Value* next_ = nullptr;
    uint32_t count_ = 0;
    ValueType type_ = ValueType::absent;
};

// `plain` as the inside of a JSON string.
Text escape(std::string_view plain, Arena& arena);

}  // namespace sluice::json
