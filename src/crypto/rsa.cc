// Keys are parsed for each signature: one an hour needs no cache.
#include "crypto/rsa.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/error.h"
#include "base/result.h"

namespace sluice::crypto {

Result<std::string> sign_rs256(std::string_view private_key_pem, std::string_view bytes) {
    const auto refuse = [](const char* where) {
        return fail({.kind = ErrorKind::invalid_field, .where = where});
    };
    const bssl::UniquePtr<BIO> pem(
        BIO_new_mem_buf(private_key_pem.data(), static_cast<int>(private_key_pem.size())));
    const bssl::UniquePtr<EVP_PKEY> key(
        PEM_read_bio_PrivateKey(pem.get(), nullptr, nullptr, nullptr));
    if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_RSA) {
        return refuse("the private key is not an RSA key in PEM");
    }
    const bssl::ScopedEVP_MD_CTX context;
    // The context is BoringSSL's to change; only the name for it is constant.
    auto* const state = const_cast<EVP_MD_CTX*>(context.get());
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    size_t length = 0;
    if (EVP_DigestSignInit(state, nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
        EVP_DigestSign(state, nullptr, &length, data, bytes.size()) != 1) {
        return refuse("the private key cannot sign");
    }
    std::string signature(length, '\0');
    if (EVP_DigestSign(state, reinterpret_cast<uint8_t*>(signature.data()), &length, data,
                       bytes.size()) != 1) {
        return refuse("the private key cannot sign");
    }
    signature.resize(length);
    return signature;
}

}  // namespace sluice::crypto
