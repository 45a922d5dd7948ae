// Finding the next byte of a kind: the inner loops of every parser in this room.
//
// Each kind has a plain form, driven by one table, and a form over 16 bytes at a time for x86-64;
// where runs are long, AVX2 takes over when the processor has it. All forms give the same answer
// for every input, which the tests check. No state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

// Each returns the first byte in [at, end) of the kind it names, or `end`.

// CR or LF.
const char* find_line_end(const char* at, const char* end);
// CR, LF or NUL: what a head cannot hold inside of a line.
const char* find_head_stop(const char* at, const char* end);
// What cannot stand in a field value: control characters except HTAB (RFC 9110 section 5.5).
const char* find_value_end(const char* at, const char* end);
// What cannot stand in a token, such as a field name (RFC 9110 section 5.6.2).
const char* find_token_end(const char* at, const char* end);
// What cannot stand in a request target: blanks, control characters, '#', bytes over 0x7e.
const char* find_target_end(const char* at, const char* end);

// The kinds as bits of the class table.
enum class ScanStop : uint8_t { line = 1, head = 2, value = 4, token = 8, target = 16 };

namespace byte_scan {

// Where 64 bytes hold what ends lines and heads: bit i stands for byte i.
struct HeadBits {
    uint64_t carriage_returns = 0;
    uint64_t line_feeds = 0;
    uint64_t nuls = 0;
};
inline constexpr size_t kHeadBitsBytes = 64;
HeadBits head_bits(const char* at);

struct ClassTable {
    uint8_t of[256];
};

constexpr bool is_token_byte(unsigned c) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c < 0x80 && kMarks.find(static_cast<char>(c)) != std::string_view::npos);
}

constexpr ClassTable make_class_table() {
    ClassTable table = {};
    for (unsigned c = 0; c < 256; ++c) {
        const bool ends_line = c == '\r' || c == '\n';
        const bool is_control = c < 0x20 || c == 0x7f;
        const auto set_if = [&](ScanStop stop, bool stops) {
            table.of[c] |= stops ? static_cast<uint8_t>(stop) : uint8_t{0};
        };
        set_if(ScanStop::line, ends_line);
        set_if(ScanStop::head, ends_line || c == 0);
        set_if(ScanStop::value, is_control && c != '\t');
        set_if(ScanStop::token, !is_token_byte(c));
        set_if(ScanStop::target, c <= 0x20 || c >= 0x7f || c == '#');
    }
    return table;
}

inline constexpr ClassTable kByteClass = make_class_table();

constexpr bool stops(ScanStop stop, char c) {
    return (kByteClass.of[static_cast<unsigned char>(c)] & static_cast<uint8_t>(stop)) != 0;
}

// The plain form, which is also the definition.
const char* find_plain(ScanStop stop, const char* at, const char* end);

// The two forms of find_line_end on x86-64, for the tests. The second needs AVX2.
bool has_avx2();
const char* find_line_end_narrow(const char* at, const char* end);
const char* find_line_end_wide(const char* at, const char* end);

}  // namespace byte_scan

constexpr bool is_token_char(char c) {
    return !byte_scan::stops(ScanStop::token, c);
}

}  // namespace sluice::http
