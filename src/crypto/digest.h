// SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104), hexadecimal, comparing. No state, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::crypto {

constexpr size_t kSha256Bytes = 32;
using Sha256 = std::array<uint8_t, kSha256Bytes>;

Sha256 sha256(std::string_view bytes);
Sha256 hmac_sha256(std::string_view key, std::string_view bytes);

inline std::string_view as_text(const Sha256& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// In a time that depends on the lengths only, for comparing secrets.
bool equal_in_constant_time(std::string_view a, std::string_view b);
bool equal_in_constant_time(const Sha256& a, const Sha256& b);

// Lower case.
std::string hex(std::span<const uint8_t> bytes);
// 64 hexadecimal digits of either case; nothing for anything else.
std::optional<Sha256> parse_sha256(std::string_view text);

}  // namespace sluice::crypto
