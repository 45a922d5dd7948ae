// Classes of characters in JSON, and the escapes of its strings (RFC 8259 sections 2, 6 and 7).
// Private to the room.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice::json {

// What the character after a backslash stands for, or 0 when it is not a one-letter escape.
constexpr char escape_meaning(char c) {
    switch (c) {
        case '"':
        case '\\':
        case '/':
            return c;
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        default:
            return 0;
    }
}

constexpr bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

constexpr bool is_digit(char c) {
    return static_cast<unsigned char>(c - '0') < 10;
}

constexpr size_t kDigitsProbeBytes = 16;

// How many digits the 16 bytes at `at` begin with.
inline size_t digits_prefix(const char* at) {
#if defined(__SSE2__)
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i values = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    return static_cast<size_t>(__builtin_ctz(~static_cast<unsigned>(_mm_movemask_epi8(digits))));
#else
    size_t count = 0;
    while (count < kDigitsProbeBytes && is_digit(at[count])) {
        ++count;
    }
    return count;
#endif
}

// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr size_t kUnicodeEscapeBytes = 6;  // \u and four digits.

// The length of the whole, right escape that begins with the backslash at `at`, or 0.
inline size_t escape_bytes(const char* at, const char* end) {
    static constexpr auto kBytes = [] {
        std::array<uint8_t, 256> bytes{};
        for (size_t c = 0; c < bytes.size(); ++c) {
            bytes[c] = escape_meaning(static_cast<char>(c)) != 0 ? 2 : 0;
        }
        bytes['u'] = kUnicodeEscapeBytes;
        return bytes;
    }();
    static constexpr auto kNotHex = [] {
        std::array<uint8_t, 256> is{};
        for (size_t c = 0; c < is.size(); ++c) {
            is[c] = hex_value(static_cast<char>(c)) < 0 ? 1 : 0;
        }
        return is;
    }();
    if (end - at < 2) {
        return 0;
    }
    const auto byte = [at](size_t index) { return static_cast<unsigned char>(at[index]); };
    const size_t count = kBytes[byte(1)];
    if (count != kUnicodeEscapeBytes) {
        return count;
    }
    if (static_cast<size_t>(end - at) < kUnicodeEscapeBytes) {
        return 0;
    }
    // All four without a branch between them: text in \u escapes is long when there is any.
    const int faults = kNotHex[byte(2)] | kNotHex[byte(3)] | kNotHex[byte(4)] | kNotHex[byte(5)];
    return faults == 0 ? count : 0;
}

}  // namespace sluice::json
