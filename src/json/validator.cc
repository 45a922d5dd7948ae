// The short way through the grammar: what happens between tokens, and whole tokens in one piece.
#include "json/validator.h"

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "json/characters.h"
#include "json/validator_machine.h"

#define SLUICE_INLINE [[gnu::always_inline]] inline

namespace sluice::json {

namespace {

// Rules out nearly everything with one comparison.
constexpr bool may_be_space(char c) {
    return static_cast<unsigned char>(c) <= ' ';
}

// Sign, two probes with a point between them, and the byte after.
constexpr size_t kNumberProbeBytes = 2 * kDigitsProbeBytes + 3;

}  // namespace

const char* Validator::Machine::fail(const char* at, const char* text) {
    v_.fail_at(offset(at), ErrorKind::invalid_json, text);
    return end_;
}

// `at` may be the end.
const char* Validator::Machine::skip_space(const char* at) const {
    while (at != end_ && is_space(*at)) {
        ++at;
    }
    return at;
}

SLUICE_INLINE const char* Validator::Machine::value(const char* at) {
    if (may_be_space(*at)) {
        at = skip_space(at);
        if (at == end_) {
            return at;
        }
    }
    if (v_.slot_ != WatchList::kNone) [[unlikely]] {
        begin_watched(at);
    }
    const char c = *at;
    if (c == '"') {
        return begin_string(at + 1);
    }
    if (is_digit(c) || c == '-') {
        return begin_number(at);
    }
    switch (c) {
        case '{':
            return open(at, true);
        case '[':
            return open(at, false);
        case 't':
            return literal(at, "true");
        case 'f':
            return literal(at, "false");
        case 'n':
            return literal(at, "null");
        case ']':
            if (v_.state_ == State::first_item) {
                return close(at);
            }
            [[fallthrough]];
        default:
            return fail(at, "expected a value");
    }
}

SLUICE_INLINE const char* Validator::Machine::key(const char* at) {
    if (*at != '"') [[unlikely]] {
        at = skip_space(at);
        if (at == end_) {
            return at;
        }
        if (*at != '"') {
            if (*at == '}' && v_.state_ == State::first_key) {
                v_.is_empty_object_ = v_.depth_ == 1;
                return close(at);
            }
            return fail(at, "expected a key in quotes");
        }
    }
    return begin_key(at + 1);
}

SLUICE_INLINE const char* Validator::Machine::colon(const char* at) {
    if (*at != ':') [[unlikely]] {
        at = skip_space(at);
        if (at == end_) {
            return at;
        }
        if (*at != ':') {
            return fail(at, "expected a colon");
        }
    }
    v_.state_ = State::value;
    ++at;
    return at == end_ ? at : value(at);
}

SLUICE_INLINE const char* Validator::Machine::after_value(const char* at) {
    if (may_be_space(*at)) {
        at = skip_space(at);
        if (at == end_) {
            return at;
        }
    }
    const char c = *at;
    if (v_.in_object_) {
        if (c == ',') {
            v_.state_ = State::key;
            ++at;
            return at == end_ ? at : key(at);
        }
        return c == '}' ? close(at) : fail(at, "expected a comma or '}'");
    }
    if (v_.depth_ == 0) {
        return fail(at, "expected nothing after the value");
    }
    if (c == ',') {
        v_.state_ = State::value;
        ++at;
        return at == end_ ? at : value(at);
    }
    return c == ']' ? close(at) : fail(at, "expected a comma or ']'");
}

SLUICE_INLINE const char* Validator::Machine::open(const char* at, bool is_object) {
    if (v_.depth_ == v_.depth_max_) [[unlikely]] {
        return fail(at, "nested too deeply");
    }
    uint64_t& word = v_.objects_[v_.depth_ / 64];
    const uint64_t bit = uint64_t{1} << (v_.depth_ % 64);
    word = is_object ? word | bit : word & ~bit;
    ++at;
    if (v_.depth_ == 0 && is_object) {
        v_.object_begin_ = offset(at);
    }
    ++v_.depth_;
    v_.in_object_ = is_object;
    v_.state_ = is_object ? State::first_key : State::first_item;
    return at;
}

SLUICE_INLINE const char* Validator::Machine::close(const char* at) {
    --v_.depth_;
    ++at;
    v_.state_ = State::after_value;
    if (v_.depth_ == 0) {
        v_.in_object_ = false;
        return at;
    }
    const unsigned index = v_.depth_ - 1U;
    v_.in_object_ = (v_.objects_[index / 64] >> (index % 64) & 1U) != 0;
    if (index < v_.open_.size()) {
        end_container(at);
    }
    return at;
}

// All bytes from `at` to the returned one are plain ASCII text; that one is the first that is not,
// or it is as far as we know. Short strings share the work for their block, and how long one is
// does not hold up the start of the next.
SLUICE_INLINE const char* Validator::Machine::plain_end(const char* at) {
    const auto index = static_cast<size_t>(at - block_);
    const uint64_t left = index < kTextBlockBytes ? stops_ >> index : 0;
    return left != 0 ? at + __builtin_ctzll(left) : plain_end_in_next_block(at);
}

SLUICE_INLINE const char* Validator::Machine::begin_key(const char* at) {
    const char* const stop = plain_end(at);
    if (stop != end_ && *stop == '"') [[likely]] {
        v_.state_ = State::colon;
        if (v_.depth_ <= v_.watch_depth_) {
            const std::string_view key(at, static_cast<size_t>(stop - at));
            if (v_.watch_->list_->may_have(key) && !look_up(key, offset(at - 1))) {
                return end_;
            }
        }
        at = stop + 1;
        return at == end_ ? at : colon(at);
    }
    mark_ = at;
    v_.key_begin_ = offset(at - 1);
    v_.key_bytes_ = 0;
    v_.is_key_ = true;
    v_.state_ = State::text;
    return text(stop);
}

SLUICE_INLINE const char* Validator::Machine::begin_string(const char* at) {
    mark_ = at;
    const char* const stop = plain_end(at);
    if (stop != end_ && *stop == '"') {
        return end_string(stop);
    }
    v_.is_key_ = false;
    v_.state_ = State::text;
    return text(stop);
}

SLUICE_INLINE const char* Validator::Machine::begin_number(const char* at) {
    mark_ = at;
    // Nearly all numbers are short and have no exponent: those without a branch per digit.
    if (static_cast<size_t>(end_ - at) >= kNumberProbeBytes) {
        const char* stop = at;
        if (*stop == '-') [[unlikely]] {
            ++stop;
        }
        const size_t count = digits_prefix(stop);
        if (count > 0 && count < kDigitsProbeBytes && (count == 1 || *stop != '0')) {
            stop += count;
            if (*stop == '.' && is_digit(stop[1])) {
                stop += 1 + digits_prefix(stop + 1);
            }
            if ((*stop | 0x20) == 'e') {
                v_.state_ = State::exponent_mark;
                return number(stop + 1);
            }
            if (*stop != '.' && !is_digit(*stop)) {
                return end_unquoted(stop);
            }
        }
    }
    v_.state_ = State::minus;
    if (*at == '-') {
        ++at;
    }
    return number(at);
}

SLUICE_INLINE const char* Validator::Machine::literal(const char* at, std::string_view word) {
    if (static_cast<size_t>(end_ - at) >= word.size() &&
        std::memcmp(at, word.data(), word.size()) == 0) {
        return end_unquoted(at + word.size());
    }
    v_.state_ = State::literal;
    v_.literal_left_ = word.data() + 1;
    return literal_rest(at + 1);
}

void Validator::Machine::run() {
    const char* at = begin_;
    while (at != end_) {
        switch (v_.state_) {
            case State::value:
            case State::first_item:
                at = value(at);
                break;
            case State::first_key:
            case State::key:
                at = key(at);
                break;
            case State::colon:
                at = colon(at);
                break;
            case State::after_value:
                at = after_value(at);
                break;
            case State::text:
                at = text(at);
                break;
            case State::escape:
                at = escape(at);
                break;
            case State::hex:
                at = hex(at);
                break;
            case State::continuation:
                at = continuation(at);
                break;
            case State::literal:
                at = literal_rest(at);
                break;
            case State::failed:
                return;
            default:
                at = number(at);
                break;
        }
    }
    if (v_.state_ != State::failed) {
        keep_unfinished();
    }
}

Validator::Validator(const Options& options)
    : watch_(options.watch),
      scan_(options.scan != nullptr ? options.scan : &text_scan()),
      depth_max_(options.depth_max),
      source_(options.source),
      watch_depth_(options.watch != nullptr ? 1 : 0),
      refuses_lookalikes_(options.refuses_lookalikes) {
    SLUICE_ASSERT(depth_max_ <= kDepthMax);
}

Status Validator::feed(std::string_view piece) {
    if (state_ != State::failed) [[likely]] {
        if (piece.size() <= kDocumentBytesMax - taken_) [[likely]] {
            Machine(*this, piece).run();
            taken_ += static_cast<uint32_t>(piece.size());
        } else {
            fail_at(taken_, ErrorKind::body_too_large, "expected less than 4 GiB");
        }
    }
    return status();
}

Status Validator::finish() {
    switch (state_) {
        case State::after_value:
        case State::zero:
        case State::integer:
        case State::fraction:
        case State::exponent:
            if (depth_ == 0) {
                return {};
            }
            break;
        default:
            break;
    }
    if (state_ != State::failed) {
        fail_at(taken_, ErrorKind::invalid_json, "ended too early");
    }
    return status();
}

void Validator::fail_at(uint32_t offset, ErrorKind kind, const char* text) {
    state_ = State::failed;
    error_kind_ = kind;
    error_offset_ = offset;
    error_text_ = text;
    error_where_ = text;
}

Status Validator::status() const {
    if (state_ != State::failed) [[likely]] {
        return {};
    }
    return fail(Error{.kind = error_kind_, .source = source_, .where = error_where_});
}

}  // namespace sluice::json
