// The long way: strings with escapes, with text that is not ASCII, or longer than a block; numbers
// digit by digit; and every token that the end of a piece cuts. Each step may begin where the last
// piece ended.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "json/characters.h"
#include "json/validator_machine.h"

namespace sluice::json {

void Validator::Machine::load_block(const char* block) {
    block_ = block;
    const auto left = static_cast<size_t>(end_ - block);
    if (left >= kTextBlockBytes) [[likely]] {
        stops_ = v_.scan_->text_stops(block);
        return;
    }
    char padded[kTextBlockBytes] = {};  // Zeros are stops.
    if (left > 0) {
        std::memcpy(padded, block, left);
    }
    stops_ = v_.scan_->text_stops(padded);
}

const char* Validator::Machine::plain_end_in_next_block(const char* at) {
    load_block(static_cast<size_t>(at - block_) < 2 * kTextBlockBytes ? block_ + kTextBlockBytes
                                                                      : at);
    const char* const from = std::max(at, block_);
    const uint64_t left = stops_ >> (from - block_);
    return left != 0 ? from + __builtin_ctzll(left) : block_ + kTextBlockBytes;
}

// Goes on inside a string, to the byte after its closing quote or to the end of the piece.
const char* Validator::Machine::text(const char* at) {
    while (true) {
        if (!is_watched_key()) {  // Their escapes have to be read.
            at = v_.scan_->skip_text(at, end_);
        }
        while (at != end_ && *at >= 0x20 && *at != '"' && *at != '\\') {
            ++at;
        }
        if (at == end_) {
            return at;
        }
        if (*at == '"') {
            return v_.is_key_ ? end_key(at) : end_string(at);
        }
        if (*at == '\\') {
            at = begin_escape(at);
        } else if (*at < 0) {
            at = wide(at);
        } else {
            return fail(at, "expected no control character in a string");
        }
        if (v_.state_ != State::text) {
            return at;
        }
    }
}

const char* Validator::Machine::begin_escape(const char* at) {
    if (is_watched_key()) {
        keep_key(std::string_view(mark_, at));
    }
    v_.state_ = State::escape;
    ++at;
    return at == end_ ? at : escape(at);
}

const char* Validator::Machine::escape(const char* at) {
    const char c = *at;
    if (c == 'u') {
        v_.state_ = State::hex;
        v_.hex_left_ = 4;
        v_.code_unit_ = 0;
        return hex(at + 1);
    }
    const char meaning = escape_meaning(c);
    if (meaning == 0) {
        return fail(at, "expected an escape that JSON has");
    }
    ++at;
    if (is_watched_key()) {
        keep_key(std::string_view(&meaning, 1));
        mark_ = at;
    }
    v_.state_ = State::text;
    return at;
}

const char* Validator::Machine::hex(const char* at) {
    for (; at != end_ && v_.hex_left_ > 0; ++at) {
        const int digit = hex_value(*at);
        if (digit < 0) {
            return fail(at, "expected four hexadecimal digits");
        }
        v_.code_unit_ = static_cast<uint16_t>(v_.code_unit_ << 4U | digit);
        --v_.hex_left_;
    }
    if (v_.hex_left_ > 0) {
        return at;
    }
    if (is_watched_key()) {
        keep_code_unit();
        mark_ = at;
    }
    v_.state_ = State::text;
    return at;
}

// Characters that are not ASCII, byte by byte; RFC 3629 section 4.
const char* Validator::Machine::wide(const char* at) {
    while (at != end_ && *at < 0) {
        const auto first = static_cast<unsigned char>(*at);
        if (first < 0xC2 || first > 0xF4) {
            return fail(at, "expected valid UTF-8");
        }
        v_.continuation_left_ = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
        v_.continuation_low_ = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        v_.continuation_high_ = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        v_.state_ = State::continuation;
        at = continuation(at + 1);
        if (v_.state_ != State::text) {
            return at;
        }
    }
    return at;
}

const char* Validator::Machine::continuation(const char* at) {
    for (; at != end_; ++at) {
        const auto byte = static_cast<unsigned char>(*at);
        if (byte < v_.continuation_low_ || byte > v_.continuation_high_) {
            return fail(at, "expected valid UTF-8");
        }
        v_.continuation_low_ = 0x80;
        v_.continuation_high_ = 0xBF;
        if (--v_.continuation_left_ == 0) {
            v_.state_ = State::text;
            return at + 1;
        }
    }
    return at;
}

const char* Validator::Machine::digits_end(const char* at) const {
    while (static_cast<size_t>(end_ - at) >= kDigitsProbeBytes) {
        const size_t count = digits_prefix(at);
        at += count;
        if (count < kDigitsProbeBytes) {
            return at;
        }
    }
    while (at != end_ && is_digit(*at)) {
        ++at;
    }
    return at;
}

// Each round takes one byte that decides, or a run of digits.
// NOLINTNEXTLINE(readability-function-size): one state machine, read from top to bottom.
const char* Validator::Machine::number(const char* at) {
    while (at != end_) {
        const char c = *at;
        const bool has_digit = is_digit(c);
        switch (v_.state_) {
            case State::minus:
                v_.state_ = c == '0' ? State::zero : State::integer;
                break;
            case State::point:
                v_.state_ = State::fraction;
                break;
            case State::exponent_mark:
                if (c == '+' || c == '-') {
                    v_.state_ = State::exponent_sign;
                    ++at;
                    continue;
                }
                [[fallthrough]];
            case State::exponent_sign:
                v_.state_ = State::exponent;
                break;
            default: {  // A number could end here.
                at = v_.state_ == State::zero ? at : digits_end(at);
                if (at == end_) {
                    return at;
                }
                const bool can_have_point = v_.state_ == State::zero || v_.state_ == State::integer;
                if (*at == '.' && can_have_point) {
                    v_.state_ = State::point;
                } else if ((*at == 'e' || *at == 'E') && v_.state_ != State::exponent) {
                    v_.state_ = State::exponent_mark;
                } else {
                    return end_unquoted(at);
                }
                ++at;
                continue;
            }
        }
        if (!has_digit) {
            return fail(at, "expected a digit");
        }
        ++at;
    }
    return at;
}

const char* Validator::Machine::literal_rest(const char* at) {
    for (; at != end_ && *v_.literal_left_ != 0; ++at, ++v_.literal_left_) {
        if (*at != *v_.literal_left_) {
            return fail(at, "expected true, false or null");
        }
    }
    return *v_.literal_left_ == 0 ? end_unquoted(at) : at;
}

}  // namespace sluice::json
