// One nonce for all texts would give GMAC's key away to whoever saw the tags. Nobody does: they
// only go into the HMAC.
#include "crypto/fingerprint.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <openssl/aead.h>

#include "base/assert.h"
#include "crypto/digest.h"

namespace sluice::crypto {

namespace {

constexpr size_t kTagBytes = 16;
constexpr size_t kNonceBytes = 12;

}  // namespace

struct KeyedFingerprint::Impl {
    Sha256 outer_key = {};
    EVP_AEAD_CTX gmac = {};
};

KeyedFingerprint::KeyedFingerprint(std::string_view key) : impl_(std::make_unique<Impl>()) {
    const Sha256 inner_key = hmac_sha256(key, "inner");
    impl_->outer_key = hmac_sha256(key, "outer");
    const int made = EVP_AEAD_CTX_init(&impl_->gmac, EVP_aead_aes_256_gcm(), inner_key.data(),
                                       inner_key.size(), kTagBytes, nullptr);
    SLUICE_ASSERT(made == 1);
}

KeyedFingerprint::~KeyedFingerprint() {
    EVP_AEAD_CTX_cleanup(&impl_->gmac);
}

Sha256 KeyedFingerprint::of(std::string_view text) const {
    constexpr std::array<uint8_t, kNonceBytes> kNonce = {};
    std::array<char, kTagBytes> tag = {};
    size_t length = 0;
    const int sealed = EVP_AEAD_CTX_seal(
        &impl_->gmac, reinterpret_cast<uint8_t*>(tag.data()), &length, tag.size(), kNonce.data(),
        kNonce.size(), nullptr, 0, reinterpret_cast<const uint8_t*>(text.data()), text.size());
    SLUICE_ASSERT(sealed == 1 && length == tag.size());
    return hmac_sha256(as_text(impl_->outer_key), {tag.data(), tag.size()});
}

}  // namespace sluice::crypto
