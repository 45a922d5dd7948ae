// Rotation of ticket keys, and the sealing of tickets with AES-256-GCM.
//
// A ticket is: name of the key (16 bytes), nonce (12), sealed session, tag (16). Nonces are random;
// one key seals far less than the 2^32 tickets for which that is safe.
#include "net/tls_ticket_keys.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>

#include <openssl/aead.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/time.h"
#include "net/tls_context_state.h"
#include "net/tls_engine.h"

namespace sluice::net {

namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kPrefixBytes = TlsTicketKeys::kNameBytes + kNonceBytes;

void fill_random(std::span<uint8_t> bytes) {
    RAND_bytes(bytes.data(), bytes.size());
}

TlsTicketKeys& keys_of(const SSL* ssl) {
    return *tls_context_state(SSL_get_SSL_CTX(ssl)).ticket_keys;
}

bool set_up(bssl::ScopedEVP_AEAD_CTX& aead, const TlsTicketKeys::Key& key) {
    return EVP_AEAD_CTX_init(aead.get(), EVP_aead_aes_256_gcm(), key.secret.data(),
                             key.secret.size(), kTagBytes, nullptr) == 1;
}

size_t ticket_overhead(SSL* /*ssl*/) {
    return kPrefixBytes + kTagBytes;
}

int seal_ticket(SSL* ssl,
                uint8_t* out,
                size_t* out_length,
                size_t out_length_max,
                const uint8_t* in,
                size_t in_length) {
    if (out_length_max < in_length + kPrefixBytes + kTagBytes) {
        return 0;
    }
    const TlsTicketKeys::Key key = keys_of(ssl).current(TlsEngine::of(ssl).started_at());
    bssl::ScopedEVP_AEAD_CTX aead;
    std::array<uint8_t, kNonceBytes> nonce;
    fill_random(nonce);
    size_t sealed_length = 0;
    // `in` and `out` may begin together: move first, then seal in place.
    uint8_t* const body = out + kPrefixBytes;
    std::memmove(body, in, in_length);
    if (!set_up(aead, key) ||
        EVP_AEAD_CTX_seal(aead.get(), body, &sealed_length, out_length_max - kPrefixBytes,
                          nonce.data(), nonce.size(), body, in_length, key.name.data(),
                          key.name.size()) != 1) {
        return 0;
    }
    std::ranges::copy(key.name, out);
    std::ranges::copy(nonce, out + key.name.size());
    *out_length = kPrefixBytes + sealed_length;
    return 1;
}

ssl_ticket_aead_result_t open_ticket(SSL* ssl,
                                     uint8_t* out,
                                     size_t* out_length,
                                     size_t out_length_max,
                                     const uint8_t* in,
                                     size_t in_length) {
    // A ticket that cannot be opened is no error: the client gets a full handshake.
    if (in_length < kPrefixBytes + kTagBytes) {
        return ssl_ticket_aead_ignore_ticket;
    }
    const std::span<const uint8_t, TlsTicketKeys::kNameBytes> name(in, TlsTicketKeys::kNameBytes);
    const auto key = keys_of(ssl).find(name, TlsEngine::of(ssl).started_at());
    bssl::ScopedEVP_AEAD_CTX aead;
    if (!key.has_value() || !set_up(aead, *key) ||
        EVP_AEAD_CTX_open(aead.get(), out, out_length, out_length_max, in + key->name.size(),
                          kNonceBytes, in + kPrefixBytes, in_length - kPrefixBytes,
                          key->name.data(), key->name.size()) != 1) {
        ERR_clear_error();  // Left there, it would fail the handshake.
        return ssl_ticket_aead_ignore_ticket;
    }
    return ssl_ticket_aead_success;
}

constexpr SSL_TICKET_AEAD_METHOD kMethod = {&ticket_overhead, &seal_ticket, &open_ticket};

}  // namespace

TlsTicketKeys::Key::~Key() {
    OPENSSL_cleanse(secret.data(), secret.size());
}

TlsTicketKeys::TlsTicketKeys() {
    fill_random(current_.name);
    fill_random(current_.secret);
}

void TlsTicketKeys::serve(ssl_ctx_st* context) {
    SSL_CTX_set_ticket_aead_method(context, &kMethod);
}

TlsTicketKeys::Key TlsTicketKeys::current(Instant now) {
    const std::scoped_lock lock(mutex_);
    rotate_if_due(now);
    return current_;
}

std::optional<TlsTicketKeys::Key> TlsTicketKeys::find(std::span<const uint8_t, kNameBytes> name,
                                                      Instant now) {
    const std::scoped_lock lock(mutex_);
    rotate_if_due(now);
    if (std::ranges::equal(name, current_.name)) {
        return current_;
    }
    if (previous_.has_value() && std::ranges::equal(name, previous_->name)) {
        return previous_;
    }
    return std::nullopt;
}

uint64_t TlsTicketKeys::rotations() const {
    const std::scoped_lock lock(mutex_);
    return rotations_;
}

void TlsTicketKeys::rotate_if_due(Instant now) {
    if (!rotated_at_.is_set()) {
        rotated_at_ = now;
    }
    const Duration age = now - rotated_at_;
    if (age < kRotationInterval) {
        return;
    }
    previous_.reset();
    if (age < kRotationInterval * 2) {
        previous_ = current_;
    }
    fill_random(current_.name);
    fill_random(current_.secret);
    rotated_at_ = now;
    ++rotations_;
}

}  // namespace sluice::net
