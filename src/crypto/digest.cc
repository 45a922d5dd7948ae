// BoringSSL's one-shot functions, which cannot fail on these arguments.
#include "crypto/digest.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/assert.h"

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

}  // namespace sluice::crypto
