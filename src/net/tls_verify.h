// Verifying the chain that a peer has shown: who signed it, for what, for whom, until when.
//
// We call it from the handshake instead of leaving it to the library's default, which keeps no
// parsed certificates in every idle connection and gives the reason as a text of ours.
#pragma once

#include <cstdint>
#include <string>

struct ssl_st;
struct x509_store_st;

namespace sluice::net {

struct TlsPeerDemand {
    bool is_server = false;  // What the peer must be allowed to be.
    std::string name;        // A host name or an IP address; empty: any (a client's certificate).
    int64_t wall_clock_s = 0;
};

struct TlsVerdict {
    const char* reason = nullptr;  // Static text; null: the chain is good.
    uint8_t alert = 0;             // To tell the peer (RFC 8446 section 6.2).
};

// Checks the chain that the peer of `ssl` has sent against the anchors in `trust`.
TlsVerdict verify_peer_chain(const ssl_st* ssl, x509_store_st* trust, const TlsPeerDemand& demand);

// Whether `host` is an address: verified as such and never sent as a server name.
bool is_ip_literal(const std::string& host);

}  // namespace sluice::net
