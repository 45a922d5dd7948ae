// What we attach to an SSL_CTX: read by the callbacks of handshakes, on any shard, never changed.
//
// Freed by the library together with the SSL_CTX.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/options.h"
#include "net/tls_context.h"
#include "net/tls_ticket_keys.h"

struct ssl_ctx_st;
struct x509_store_st;

namespace sluice::net {

// Which context answers for which names (RFC 6066 section 3).
struct TlsNamedContext {
    std::string name;  // Lower case; a wildcard begins with "*." and stands for one label.
    TlsContext context;
};

struct TlsContextState {
    bool is_server = false;
    bool verifies_peer = false;
    std::vector<uint8_t> protocols;  // As in the ALPN extension: each after its length.
    std::shared_ptr<x509_store_st> trust;
    // Server only. Sorted by name; the context that holds the list is not in it, being the one
    // that answers when nothing matches.
    std::vector<TlsNamedContext> named;
    std::shared_ptr<TlsTicketKeys> ticket_keys;
};

const TlsContextState& tls_context_state(const ssl_ctx_st* context);

// A context with what both sides have in common; the caller adds certificates. Takes over `state`.
TlsContext new_tls_context(std::unique_ptr<TlsContextState> state,
                           TlsVersion version_min,
                           TlsContext::Protocols protocols);

}  // namespace sluice::net
