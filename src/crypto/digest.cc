// BoringSSL's one-shot functions, which cannot fail on these arguments.
#include "crypto/digest.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/sha.h>

#include "base/assert.h"
#include "base/text.h"

namespace sluice::crypto {

Sha256 sha256(std::string_view bytes) {
    Sha256 digest;
    SHA256(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), digest.data());
    return digest;
}

Sha256 hmac_sha256(std::string_view key, std::string_view bytes) {
    Sha256 digest;
    unsigned length = 0;
    const uint8_t* const made =
        HMAC(EVP_sha256(), key.data(), key.size(), reinterpret_cast<const uint8_t*>(bytes.data()),
             bytes.size(), digest.data(), &length);
    SLUICE_ASSERT(made != nullptr && length == digest.size());
    return digest;
}

bool equal_in_constant_time(const Sha256& a, const Sha256& b) {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hex(std::span<const uint8_t> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const uint8_t byte : bytes) {
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 15U];
    }
    return text;
}

std::optional<Sha256> parse_sha256(std::string_view text) {
    Sha256 digest;
    if (text.size() != 2 * digest.size()) {
        return std::nullopt;
    }
    for (size_t i = 0; i < digest.size(); ++i) {
        const std::optional<uint64_t> byte = parse_hex(text.substr(2 * i, 2));
        if (!byte) {
            return std::nullopt;
        }
        digest[i] = static_cast<uint8_t>(*byte);
    }
    return digest;
}

}  // namespace sluice::crypto
