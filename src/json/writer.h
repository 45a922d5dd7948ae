// Writer: JSON text, appended piece by piece, into an arena or a string.
//
// It puts the commas and escapes; that keys and values alternate and brackets match is the caller's
// business. Output is always valid UTF-8: bytes that are not become U+FFFD. Lives on the stack of
// whoever makes it, never longer than the arena or string behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"

namespace sluice::json {

// A run of bytes that grows. view() is valid until more is appended.
class TextOutput {
public:
    TextOutput(const TextOutput&) = delete;
    TextOutput& operator=(const TextOutput&) = delete;

    void append(std::string_view text);
    void append(char c) {
        *room(1) = c;
        ++next_;
    }
    // At least `count` writable bytes; commit() says how many were used.
    char* room(size_t count) {
        if (static_cast<size_t>(end_ - next_) < count) [[unlikely]] {
            grow(count);
        }
        return next_;
    }
    void commit(size_t count) { next_ += count; }

    std::string_view view() const { return {begin_, static_cast<size_t>(next_ - begin_)}; }
    bool empty() const { return next_ == begin_; }
    char back() const { return next_[-1]; }

protected:
    TextOutput() = default;
    ~TextOutput() = default;
    // Makes room for `count` more bytes.
    virtual void grow(size_t count) = 0;

    char* begin_ = nullptr;
    char* next_ = nullptr;
    char* end_ = nullptr;
};

// Into an arena. Growing doubles and leaves the old piece to the arena, so a good first size saves
// memory.
class ArenaText final : public TextOutput {
public:
    explicit ArenaText(Arena& arena, size_t first_bytes = 256) : arena_(&arena) {
        grow(first_bytes);
    }

private:
    void grow(size_t count) override;
    Arena* arena_;
};

// To the end of a string, which has its final length only after finish() or destruction.
class StringText final : public TextOutput {
public:
    explicit StringText(std::string& text);
    ~StringText() { finish(); }
    void finish();

private:
    void grow(size_t count) override;
    std::string* text_;
    size_t kept_bytes_;  // What was in the string before.
};

class Writer {
public:
    explicit Writer(TextOutput& output) : output_(&output) {}

    Writer& begin_object() { return open('{'); }
    Writer& end_object() { return close('}'); }
    Writer& begin_array() { return open('['); }
    Writer& end_array() { return close(']'); }

    // `text` is escaped as a string is.
    Writer& key(std::string_view text);
    Writer& string(std::string_view text);
    // The inside of a string that is escaped already.
    Writer& text(std::string_view raw);
    Writer& integer(int64_t value);
    Writer& unsigned_integer(uint64_t value);
    // The shortest text that reads back as the same double; null for what JSON cannot express.
    Writer& number(double value);
    Writer& boolean(bool value);
    Writer& null();
    // A value that is JSON already.
    Writer& raw(std::string_view json);

    std::string_view view() const { return output_->view(); }

private:
    Writer& open(char bracket);
    Writer& close(char bracket);
    template <class Number>
    Writer& digits(Number value);
    void comma_if_needed();

    TextOutput* output_;
    bool has_written_ = false;
};

// Appends `text` as the inside of a JSON string, without the quotes.
void append_escaped(TextOutput& output, std::string_view text);

}  // namespace sluice::json
