// Validator's inner machine: one piece of input going through the grammar. Private to the room.
//
// The steps that a well-formed token inside one piece takes are inline and put into one another, so
// that a member costs one dispatch; what is rare, long or cut by the end of a piece is in
// validator_tokens.cc, and what concerns watched members in field_watch.cc. Lives for one feed().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "json/field_watch.h"
#include "json/text_scan.h"
#include "json/validator.h"

namespace sluice::json {

// Every step takes the next byte to look at and returns the one after what it took, or the end of
// the piece after an error. None is called with the end, except where it says so.
class Validator::Machine {
public:
    Machine(Validator& validator, std::string_view piece)
        : v_(validator), begin_(piece.data()), end_(begin_ + piece.size()), mark_(begin_) {
        load_block(begin_);
    }

    void run();

private:
    uint32_t offset(const char* at) const { return v_.taken_ + static_cast<uint32_t>(at - begin_); }
    const char* fail(const char* at, const char* text);

    // Between tokens.
    const char* skip_space(const char* at) const;
    const char* value(const char* at);
    const char* key(const char* at);
    const char* colon(const char* at);
    const char* after_value(const char* at);
    const char* open(const char* at, bool is_object);
    const char* close(const char* at);

    // Strings. begin_ takes the byte after the opening quote, which may be the end; end_ the
    // closing quote.
    const char* begin_key(const char* at);
    const char* end_key(const char* at);
    const char* begin_string(const char* at);
    const char* end_string(const char* at);
    const char* text(const char* at);
    const char* begin_escape(const char* at);
    const char* escape(const char* at);
    const char* hex(const char* at);
    void keep_code_unit();
    const char* wide(const char* at);
    const char* continuation(const char* at);

    // Where plain ASCII text that begins at `at` ends, as far as is known without effort.
    const char* plain_end(const char* at);
    const char* plain_end_in_next_block(const char* at);
    void load_block(const char* block);

    // Numbers and literals. end_unquoted takes the byte after the value, which may be the end.
    const char* begin_number(const char* at);
    const char* digits_end(const char* at) const;
    const char* number(const char* at);
    const char* literal(const char* at, std::string_view word);
    const char* literal_rest(const char* at);
    const char* end_unquoted(const char* at);

    // Watching.
    static constexpr uint8_t kKeyTooLong = 0xFF;  // As key_bytes_: equal to no watched key.
    // Whether the key that we are inside of may still turn out to be a watched one.
    bool is_watched_key() const {
        return v_.is_key_ && v_.depth_ <= v_.watch_depth_ && v_.key_bytes_ != kKeyTooLong;
    }
    void keep_key(std::string_view part);
    uint8_t parent() const { return v_.depth_ == 1 ? WatchList::kNone : v_.open_[0]; }
    bool look_up(std::string_view key, uint32_t key_begin);
    bool check_lookalike(std::string_view key, uint32_t key_begin);
    bool refuse_key(uint8_t index, uint32_t key_begin);
    void begin_watched(const char* at);
    void end_scalar(const char* text_end, const char* value_end);
    void end_container(const char* at);
    void keep_unfinished();

    Validator& v_;
    const char* const begin_;
    const char* const end_;
    // Start of what is not yet copied of the watched key or scalar that we are inside of.
    const char* mark_;
    // One bit for each byte of [block_, block_ + kTextBlockBytes) that is not plain ASCII text;
    // bytes past the end of the piece count as such.
    const char* block_ = nullptr;
    uint64_t stops_ = 0;
};

inline const char* Validator::Machine::end_string(const char* at) {
    v_.state_ = State::after_value;
    if (v_.scalar_ != WatchList::kNone) [[unlikely]] {
        end_scalar(at, at + 1);
    }
    return at + 1;
}

inline const char* Validator::Machine::end_unquoted(const char* at) {
    v_.state_ = State::after_value;
    if (v_.scalar_ != WatchList::kNone) [[unlikely]] {
        end_scalar(at, at);
    }
    return at;
}

}  // namespace sluice::json
