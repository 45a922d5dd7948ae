// Three bytes to four letters and back. Images go through here once, at most.
#include "crypto/base64.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::crypto {

namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t kNoLetter = 0xFF;

constexpr std::array<uint8_t, 256> kValues = [] {
    std::array<uint8_t, 256> values{};
    values.fill(kNoLetter);
    for (size_t i = 0; i < kStandard.size(); ++i) {
        values[static_cast<unsigned char>(kStandard[i])] = static_cast<uint8_t>(i);
        values[static_cast<unsigned char>(kUrlSafe[i])] = static_cast<uint8_t>(i);
    }
    return values;
}();

std::string encode(std::string_view bytes, std::string_view alphabet, bool pads) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t at = 0; at < bytes.size(); at += 3) {
        const size_t count = bytes.size() - at < 3 ? bytes.size() - at : 3;
        uint32_t group = 0;
        for (size_t i = 0; i < 3; ++i) {
            group = group << 8U | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        }
        for (size_t i = 0; i <= count; ++i) {
            text += alphabet[group >> (18 - 6 * i) & 63U];
        }
        if (pads) {
            text.append(3 - count, '=');
        }
    }
    return text;
}

}  // namespace

std::string base64(std::string_view bytes) {
    return encode(bytes, kStandard, true);
}

std::string base64url(std::string_view bytes) {
    return encode(bytes, kUrlSafe, false);
}

std::optional<size_t> decode_base64(std::string_view text, char* to) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) {
        text.remove_suffix(1);
    }
    if (text.size() % 4 == 1) {
        return std::nullopt;
    }
    char* next = to;
    uint32_t group = 0;
    unsigned bits = 0;
    for (const char letter : text) {
        const uint8_t value = kValues[static_cast<unsigned char>(letter)];
        if (value == kNoLetter) {
            return std::nullopt;
        }
        group = group << 6U | value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *next++ = static_cast<char>(group >> bits & 0xFFU);
        }
    }
    return static_cast<size_t>(next - to);
}

std::optional<std::string> decode_base64(std::string_view text) {
    std::string bytes(text.size(), '\0');
    const std::optional<size_t> count = decode_base64(text, bytes.data());
    if (!count) {
        return std::nullopt;
    }
    bytes.resize(*count);
    return bytes;
}

}  // namespace sluice::crypto
