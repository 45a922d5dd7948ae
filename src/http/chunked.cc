// A state for each kind of byte, so that a split anywhere costs nothing and changes nothing.
#include "http/chunked.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "http/byte_scan.h"

namespace sluice::http {

namespace {

constexpr uint8_t kSizeDigitsMax = 15;  // As in base/text.h: fits 64 bits with room to add.

constexpr std::array<int8_t, 256> make_hex_values() {
    std::array<int8_t, 256> values = {};
    values.fill(-1);
    for (const std::string_view digits : {"0123456789abcdef", "0123456789ABCDEF"}) {
        for (size_t i = 0; i < digits.size(); ++i) {
            values[static_cast<unsigned char>(digits[i])] = static_cast<int8_t>(i);
        }
    }
    return values;
}

constexpr std::array<int8_t, 256> kHexValues = make_hex_values();

// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
    return kHexValues[static_cast<unsigned char>(c)];
}

constexpr std::string_view kLineEnd = "\r\n";

constexpr bool starts_with_line_end(std::string_view text) {
    return text.size() >= kLineEnd.size() && text[0] == kLineEnd[0] && text[1] == kLineEnd[1];
}

constexpr bool is_value_char(char c) {
    return !byte_scan::stops(ScanStop::value, c);
}

}  // namespace

Result<ChunkedPiece> ChunkedDecoder::next(std::string_view input) {
    SLUICE_DCHECK(input.size() <= std::numeric_limits<uint32_t>::max());
    ChunkedPiece piece;
    TRY(piece.consumed, read_framing(input));
    piece.data_offset = piece.consumed;
    if (state_ != State::data) {
        return piece;
    }
    piece.data_length =
        static_cast<uint32_t>(std::min<uint64_t>(size_, input.size() - piece.consumed));
    piece.consumed += piece.data_length;
    body_bytes_ += piece.data_length;
    size_ -= piece.data_length;
    if (size_ == 0) {
        state_ = State::data_cr;
        piece.consumed += take_data_end(input.substr(piece.consumed));
    }
    return piece;
}

Result<uint32_t> ChunkedDecoder::read_framing(std::string_view input) {
    uint32_t at = take_plain_size_line(input);
    while (at < input.size() && state_ != State::data && state_ != State::end) {
        if (const char* refused = step(input[at]); refused != nullptr) {
            return fail(error(refused));
        }
        ++at;
    }
    overhead_bytes_ += at;
    if (overhead_bytes_ > overhead_bytes_max()) {
        return fail(error("chunk framing outweighs the body"));
    }
    return at;
}

// A size line without extensions that is there whole, which nearly every one is: in one go what
// the steps would do. Takes nothing where it is anything else.
uint32_t ChunkedDecoder::take_plain_size_line(std::string_view input) {
    if (state_ != State::size_first) {
        return 0;
    }
    const auto digits_max = static_cast<uint32_t>(std::min<size_t>(input.size(), kSizeDigitsMax));
    uint64_t size = 0;
    uint32_t digits = 0;
    while (digits < digits_max) {
        const int digit = hex_value(input[digits]);
        if (digit < 0) {
            break;
        }
        size = size * 16 + static_cast<uint64_t>(digit);
        ++digits;
    }
    if (digits == 0 || !starts_with_line_end(input.substr(digits))) {
        return 0;
    }
    size_ = size;
    state_ = size == 0 ? State::trailer_first : State::data;
    return digits + static_cast<uint32_t>(kLineEnd.size());
}

// The line end of the data just read, as far as it is there and in order: data that came before an
// error is given out first, and the next call finds the error.
uint32_t ChunkedDecoder::take_data_end(std::string_view input) {
    uint32_t taken = 0;
    if (starts_with_line_end(input)) {
        taken = static_cast<uint32_t>(kLineEnd.size());
        state_ = State::size_first;
    } else if (input == kLineEnd.substr(0, 1)) {
        taken = 1;
        state_ = State::data_lf;
    }
    overhead_bytes_ += taken;
    return taken;
}

uint64_t ChunkedDecoder::overhead_bytes_max() const {
    return std::max(kChunkOverheadBytesMax, body_bytes_);
}

// Takes one byte of framing; returns the rule it breaks, or null.
const char* ChunkedDecoder::step(char c) {
    switch (state_) {
        case State::size_first:
        case State::size:
        case State::size_lf:
            return step_size(c);
        case State::data_cr:
            state_ = State::data_lf;
            return c == '\r' ? nullptr : "end of chunk data";
        case State::data_lf:
            state_ = State::size_first;
            return c == '\n' ? nullptr : "end of chunk data";
        case State::trailer_first:
        case State::trailer_name:
        case State::trailer_value:
        case State::trailer_lf:
        case State::end_lf:
            return step_trailer(c);
        case State::data:
        case State::end:
            break;
        default:
            return step_extension(c);
    }
    SLUICE_UNREACHABLE();
}

const char* ChunkedDecoder::step_size(char c) {
    if (state_ == State::size_lf) {
        if (c != '\n') {
            return "end of the chunk size line";
        }
        state_ = size_ == 0 ? State::trailer_first : State::data;
        return nullptr;
    }
    if (const int digit = hex_value(c); digit >= 0) {
        if (state_ == State::size_first) {
            state_ = State::size;
            size_digits_ = 0;
        }
        size_ = size_ * 16 + static_cast<uint64_t>(digit);
        return ++size_digits_ <= kSizeDigitsMax ? nullptr : "chunk size too long";
    }
    if (state_ == State::size_first || (c != '\r' && c != ';')) {
        return "chunk size";
    }
    if (c == ';') {
        return begin_extension();
    }
    state_ = State::size_lf;
    return nullptr;
}

const char* ChunkedDecoder::begin_extension() {
    state_ = State::extension_name_first;
    return count_extension_byte();
}

const char* ChunkedDecoder::count_extension_byte() {
    return ++extension_bytes_ <= extension_bytes_max_ ? nullptr : "chunk extensions too long";
}

// RFC 9112 section 7.1.1, without the blanks that it only tolerates.
const char* ChunkedDecoder::step_extension(char c) {
    constexpr const char* kRefused = "chunk extension";
    const bool may_end = state_ == State::extension_name || state_ == State::extension_value ||
                         state_ == State::extension_quoted_end;
    if (may_end && c == '\r') {
        state_ = State::size_lf;
        return nullptr;
    }
    if (may_end && c == ';') {
        return begin_extension();
    }
    switch (state_) {
        case State::extension_name_first:
        case State::extension_name:
            if (c == '=' && state_ == State::extension_name) {
                state_ = State::extension_value_first;
            } else if (is_token_char(c)) {
                state_ = State::extension_name;
            } else {
                return kRefused;
            }
            break;
        case State::extension_value_first:
        case State::extension_value:
            if (c == '"' && state_ == State::extension_value_first) {
                state_ = State::extension_quoted;
            } else if (is_token_char(c)) {
                state_ = State::extension_value;
            } else {
                return kRefused;
            }
            break;
        case State::extension_quoted:
            if (c == '"') {
                state_ = State::extension_quoted_end;
            } else if (c == '\\') {
                state_ = State::extension_quoted_pair;
            } else if (!is_value_char(c)) {
                return kRefused;
            }
            break;
        case State::extension_quoted_pair:
            if (!is_value_char(c)) {
                return kRefused;
            }
            state_ = State::extension_quoted;
            break;
        default:
            return kRefused;
    }
    return count_extension_byte();
}

// RFC 9112 section 7.1.2: fields like those of a head, which nobody gets to see.
const char* ChunkedDecoder::step_trailer(char c) {
    if (++trailer_bytes_ > trailer_bytes_max_) {
        return "trailer section too long";
    }
    switch (state_) {
        case State::trailer_first:
            if (c == '\r') {
                state_ = State::end_lf;
                return nullptr;
            }
            state_ = State::trailer_name;
            return is_token_char(c) ? nullptr : "trailer field name";
        case State::trailer_name:
            if (c == ':') {
                state_ = State::trailer_value;
                return nullptr;
            }
            return is_token_char(c) ? nullptr : "trailer field name";
        case State::trailer_value:
            if (c == '\r') {
                state_ = State::trailer_lf;
                return nullptr;
            }
            return is_value_char(c) ? nullptr : "trailer field value";
        case State::trailer_lf:
            state_ = State::trailer_first;
            return c == '\n' ? nullptr : "end of a trailer field";
        default:
            SLUICE_DCHECK(state_ == State::end_lf);
            state_ = State::end;
            return c == '\n' ? nullptr : "end of the trailer section";
    }
}

Error ChunkedDecoder::error(const char* where) const {
    return {.kind = ErrorKind::malformed, .source = source_, .where = where};
}

size_t write_chunk_header(uint64_t size, char* to) {
    SLUICE_DCHECK(size > 0);
    const size_t digits = write_hex(size, to);
    to[digits] = '\r';
    to[digits + 1] = '\n';
    return digits + 2;
}

size_t chunk_header_bytes(uint64_t size) {
    size_t digits = 1;
    while (size >>= 4U) {
        ++digits;
    }
    return digits + 2;
}

}  // namespace sluice::http
