// Small text helpers for protocol work: ASCII case, trimming, strict numbers, appending.
//
// Strict means digits only: no sign, no blank, no prefix, checked against overflow. Request
// smuggling lives in lenient number parsers, so there is exactly one for each base.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

constexpr char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool equals_ignoring_case(std::string_view a, std::string_view b);
// Removes spaces and horizontal tabs at both ends (OWS of RFC 9110 section 5.6.3).
std::string_view trim_ows(std::string_view text);

// 1 to 15 decimal digits, nothing else.
std::optional<uint64_t> parse_decimal(std::string_view text);
// 1 to 15 hexadecimal digits, nothing else.
std::optional<uint64_t> parse_hex(std::string_view text);

// Writes `value` in decimal (or lower-case hexadecimal) to `to`, which must have room for 20 (16)
// characters; returns how many were written.
size_t write_decimal(uint64_t value, char* to);
size_t write_hex(uint64_t value, char* to);
void append_decimal(std::string& to, uint64_t value);
// Seconds with six digits after the point, for example 0.000123.
void append_seconds(std::string& to, int64_t nanoseconds);

// The length of the valid UTF-8 character that `text`, which is not empty, begins with; 0 when
// there is none (RFC 3629).
size_t utf8_length(std::string_view text);

// Appends `text` as the inside of a JSON string: quotes, backslashes and control characters are
// escaped, invalid UTF-8 is replaced by U+FFFD so that the result is always valid JSON.
void append_json_escaped(std::string& to, std::string_view text);

// The next element of a comma-separated list (RFC 9110 section 5.6.1), trimmed; empty elements are
// skipped. `rest` is advanced; nullopt at the end.
std::optional<std::string_view> next_list_element(std::string_view& rest);

}  // namespace sluice
