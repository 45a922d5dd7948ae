// Escapes are looked at one by one; what they mean is json/unescape.h's business.
#include "pipeline/json_text.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "json/unescape.h"

namespace sluice::pipeline {

namespace {

constexpr size_t kUnicodeEscapeBytes = 6;  // \uXXXX
constexpr uint32_t kHighSurrogate = 0xD800;
constexpr uint32_t kLowSurrogate = 0xDC00;
constexpr uint32_t kSurrogateEnd = 0xE000;

// Of the escape \uXXXX at the beginning; 0 for anything else.
uint32_t code_unit(std::string_view raw) {
    if (raw.size() < kUnicodeEscapeBytes || !raw.starts_with("\\u")) {
        return 0;
    }
    uint32_t unit = 0;
    for (const char c : raw.substr(2, 4)) {
        const auto digit = static_cast<unsigned char>(c);
        unit = unit << 4U | (digit <= '9' ? digit - '0' : (digit | 0x20U) - 'a' + 10U);
    }
    return unit;
}

bool is_high(uint32_t unit) {
    return unit >= kHighSurrogate && unit < kLowSurrogate;
}

bool is_low(uint32_t unit) {
    return unit >= kLowSurrogate && unit < kSurrogateEnd;
}

struct Unit {
    size_t raw;
    size_t plain;
};

// How long the escape or byte at the beginning is, here and there.
Unit unit_of(std::string_view raw) {
    if (raw.front() != '\\') {
        return {1, 1};
    }
    if (!raw.starts_with("\\u")) {
        return {2, 1};
    }
    const uint32_t unit = code_unit(raw);
    if (is_high(unit) && is_low(code_unit(raw.substr(kUnicodeEscapeBytes)))) {
        return {2 * kUnicodeEscapeBytes, 4};
    }
    const size_t plain = unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    return {kUnicodeEscapeBytes, plain};
}

// The same with every half of a pair as U+FFFD, which is as long.
std::string_view without_halves(std::string_view raw, Arena& arena) {
    constexpr std::string_view kReplacement = "\\ufffd";
    const std::span<char> copy = arena.allocate_array<char>(raw.size());
    raw.copy(copy.data(), raw.size());
    for (size_t at = 0; at < raw.size();) {
        const std::string_view rest = raw.substr(at);
        const Unit unit = unit_of(rest);
        const uint32_t code = code_unit(rest);
        if (unit.raw == kUnicodeEscapeBytes && (is_high(code) || is_low(code))) {
            kReplacement.copy(copy.data() + at, kReplacement.size());
        }
        at += unit.raw;
    }
    return {copy.data(), copy.size()};
}

// Whether the last six bytes are the escape of a first half.
bool ends_in_half(std::string_view raw) {
    if (raw.size() < kUnicodeEscapeBytes ||
        !is_high(code_unit(raw.substr(raw.size() - kUnicodeEscapeBytes)))) {
        return false;
    }
    size_t backslashes = 0;
    for (size_t at = raw.size() - kUnicodeEscapeBytes; at > 0 && raw[at - 1] == '\\'; --at) {
        ++backslashes;
    }
    return backslashes % 2 == 0;
}

}  // namespace

std::string_view plain_text(std::string_view raw, Arena& arena) {
    if (const auto plain = json::unescape(raw, arena)) {
        return *plain;
    }
    const auto mended = json::unescape(without_halves(raw, arena), arena);
    return mended ? *mended : raw;
}

size_t RawOffsets::at(size_t plain) {
    while (at_plain_ < plain && at_raw_ < raw_.size()) {
        const Unit unit = unit_of(raw_.substr(at_raw_));
        at_raw_ += unit.raw;
        at_plain_ += unit.plain;
    }
    return at_raw_;
}

std::string_view TextDecoder::next(std::string_view raw, Arena& arena) {
    if (!half_.empty()) {
        raw = arena.join({half_, raw});
        half_.clear();
    }
    if (ends_in_half(raw)) {
        half_ = raw.substr(raw.size() - kUnicodeEscapeBytes);
        raw.remove_suffix(kUnicodeEscapeBytes);
    }
    return plain_text(raw, arena);
}

}  // namespace sluice::pipeline
