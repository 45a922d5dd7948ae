// SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104), hexadecimal. No state, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
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

// Lower case.
std::string hex(std::span<const uint8_t> bytes);

}  // namespace sluice::crypto
