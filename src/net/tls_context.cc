// What server and client contexts have in common.
#include "net/tls_context.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include <openssl/base.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>

#include "base/assert.h"
#include "net/options.h"
#include "net/tls_context_state.h"
#include "net/tls_engine.h"

namespace sluice::net {

namespace {

constexpr std::array<std::string_view, 1> kHttp1Names = {"http/1.1"};

// For TLS 1.2 only forward secrecy with authenticated encryption (RFC 9325 section 4.2); TLS 1.3
// has nothing else.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

void free_state(void* /*parent*/,
                void* pointer,
                CRYPTO_EX_DATA* /*data*/,
                int /*index*/,
                long /*number*/,
                void* /*extra*/) {
    delete static_cast<TlsContextState*>(pointer);
}

int state_index() {
    static const int kIndex = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_state);
    return kIndex;
}

// Chains that many connections see are kept once for the process. Never freed: sessions may hold
// parts of it until the end.
CRYPTO_BUFFER_POOL* chain_pool() {
    static CRYPTO_BUFFER_POOL* const kPool = CRYPTO_BUFFER_POOL_new();
    return kPool;
}

// As in the ALPN extension (RFC 7301 section 3.1).
std::vector<uint8_t> wire_form(TlsContext::Protocols protocols) {
    std::vector<uint8_t> wire;
    for (const std::string_view protocol : protocols) {
        SLUICE_ASSERT(!protocol.empty() && protocol.size() <= UINT8_MAX);
        wire.push_back(static_cast<uint8_t>(protocol.size()));
        wire.insert(wire.end(), protocol.begin(), protocol.end());
    }
    return wire;
}

// The first of ours that the client offers too; without one the handshake ends, as RFC 7301
// section 3.2 asks: a client that speaks only HTTP/2 would not understand us.
int select_protocol(SSL* ssl,
                    const uint8_t** out,
                    uint8_t* out_length,
                    const uint8_t* offered,
                    unsigned offered_length,
                    void* /*argument*/) {
    const auto& ours = tls_context_state(SSL_get_SSL_CTX(ssl)).protocols;
    uint8_t* selected = nullptr;
    if (SSL_select_next_proto(&selected, out_length, ours.data(),
                              static_cast<unsigned>(ours.size()), offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

ssl_verify_result_t verify_peer(SSL* ssl, uint8_t* alert) {
    return TlsEngine::on_verify(ssl, alert) == 1 ? ssl_verify_ok : ssl_verify_invalid;
}

}  // namespace

const TlsContext::Protocols TlsContext::kHttp1 = kHttp1Names;

TlsContext::TlsContext(const TlsContext& other) : native_(other.native_) {
    if (native_ != nullptr) {
        SSL_CTX_up_ref(native_);
    }
}

TlsContext::TlsContext(TlsContext&& other) noexcept
    : native_(std::exchange(other.native_, nullptr)) {}

TlsContext& TlsContext::operator=(TlsContext other) noexcept {
    std::swap(native_, other.native_);
    return *this;
}

TlsContext::~TlsContext() {
    if (native_ != nullptr) {
        SSL_CTX_free(native_);
    }
}

bool TlsContext::is_server() const {
    return tls_context_state(native_).is_server;
}

const TlsContextState& tls_context_state(const ssl_ctx_st* context) {
    return *static_cast<const TlsContextState*>(SSL_CTX_get_ex_data(context, state_index()));
}

TlsContext new_tls_context(std::unique_ptr<TlsContextState> state,
                           TlsVersion version_min,
                           TlsContext::Protocols protocols) {
    SSL_CTX* context = SSL_CTX_new(TLS_with_buffers_method());
    SLUICE_ASSERT(context != nullptr);
    state->protocols = wire_form(protocols);
    const bool set =
        SSL_CTX_set_min_proto_version(
            context, version_min == TlsVersion::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_strict_cipher_list(context, kCiphers) == 1;
    SLUICE_ASSERT(set);
    SSL_CTX_set0_buffer_pool(context, chain_pool());
    // Only sessions in tickets or in TlsSessionCache: the library's own cache takes a lock and
    // grows to 20,000 sessions.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    int verify_mode = SSL_VERIFY_NONE;
    if (state->verifies_peer) {
        verify_mode = SSL_VERIFY_PEER | (state->is_server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    }
    SSL_CTX_set_custom_verify(context, verify_mode, &verify_peer);
    if (state->is_server) {
        SSL_CTX_set_alpn_select_cb(context, &select_protocol, nullptr);
    } else if (!state->protocols.empty()) {
        // Returns 0 on success, unlike its neighbours.
        const int failed = SSL_CTX_set_alpn_protos(context, state->protocols.data(),
                                                   static_cast<unsigned>(state->protocols.size()));
        SLUICE_ASSERT(failed == 0);
    }
    SSL_CTX_set_ex_data(context, state_index(), state.release());
    return TlsContext::adopt(context);
}

}  // namespace sluice::net
