// Plain loops on purpose: these run on short header values.
#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

namespace {

constexpr size_t kNumberDigitsMax = 15;  // Fits 64 bits in both bases with room to add.

// ASCII that stands for itself in a JSON string.
bool is_plain_in_json(char c) {
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

void append_control_escaped(std::string& to, unsigned char c) {
    switch (c) {
        case '\n':
            to += "\\n";
            return;
        case '\r':
            to += "\\r";
            return;
        case '\t':
            to += "\\t";
            return;
        default:
            break;
    }
    constexpr char kDigits[] = "0123456789abcdef";
    to += "\\u00";
    to += kDigits[c >> 4U];
    to += kDigits[c & 15U];
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) {
        return false;
    }
    for (size_t i = 0; i < a.size(); ++i) {
        if (ascii_lower(a[i]) != ascii_lower(b[i])) {
            return false;
        }
    }
    return true;
}

std::string_view trim_ows(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

std::optional<uint64_t> parse_decimal(std::string_view text) {
    if (text.empty() || text.size() > kNumberDigitsMax) {
        return std::nullopt;
    }
    uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        value = value * 10 + static_cast<uint64_t>(c - '0');
    }
    return value;
}

std::optional<uint64_t> parse_hex(std::string_view text) {
    if (text.empty() || text.size() > kNumberDigitsMax) {
        return std::nullopt;
    }
    uint64_t value = 0;
    for (const char c : text) {
        const char lower = ascii_lower(c);
        uint64_t digit = 0;
        if (lower >= '0' && lower <= '9') {
            digit = static_cast<uint64_t>(lower - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            digit = static_cast<uint64_t>(lower - 'a') + 10;
        } else {
            return std::nullopt;
        }
        value = value * 16 + digit;
    }
    return value;
}

size_t write_decimal(uint64_t value, char* to) {
    return static_cast<size_t>(std::to_chars(to, to + 20, value).ptr - to);
}

size_t write_hex(uint64_t value, char* to) {
    return static_cast<size_t>(std::to_chars(to, to + 16, value, 16).ptr - to);
}

void append_decimal(std::string& to, uint64_t value) {
    char digits[20];
    to.append(digits, write_decimal(value, digits));
}

void append_seconds(std::string& to, int64_t nanoseconds) {
    const auto micros = static_cast<uint64_t>(nanoseconds < 0 ? 0 : nanoseconds / 1000);
    append_decimal(to, micros / 1'000'000);
    to += '.';
    char digits[20];
    const size_t count = write_decimal(micros % 1'000'000, digits);
    to.append(6 - count, '0');
    to.append(digits, count);
}

size_t utf8_length(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto follows = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return follows(1) ? 2 : 0;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        if (!follows(1) || !follows(2) || (first == 0xE0 && byte(1) < 0xA0) ||
            (first == 0xED && byte(1) > 0x9F)) {
            return 0;
        }
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (!follows(1) || !follows(2) || !follows(3) || (first == 0xF0 && byte(1) < 0x90) ||
            (first == 0xF4 && byte(1) > 0x8F)) {
            return 0;
        }
        return 4;
    }
    return 0;
}

void append_json_escaped(std::string& to, std::string_view text) {
    while (!text.empty()) {
        const auto plain = static_cast<size_t>(
            std::find_if_not(text.begin(), text.end(), is_plain_in_json) - text.begin());
        if (plain > 0) {
            to.append(text.substr(0, plain));
            text.remove_prefix(plain);
            continue;
        }
        const auto c = static_cast<unsigned char>(text.front());
        if (c == '"' || c == '\\') {
            to += '\\';
            to += static_cast<char>(c);
            text.remove_prefix(1);
        } else if (c < 0x20) {
            append_control_escaped(to, c);
            text.remove_prefix(1);
        } else if (const size_t length = utf8_length(text); length > 0) {
            to.append(text.substr(0, length));
            text.remove_prefix(length);
        } else {
            to += "\xEF\xBF\xBD";  // U+FFFD REPLACEMENT CHARACTER
            text.remove_prefix(1);
        }
    }
}

std::optional<std::string_view> next_list_element(std::string_view& rest) {
    while (!rest.empty()) {
        const size_t comma = rest.find(',');
        const std::string_view element = trim_ows(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        if (!element.empty()) {
            return element;
        }
    }
    return std::nullopt;
}

}  // namespace sluice
