// Reading certificates and keys from PEM files, with errors that an operator can act on.
//
// Used when a context is made, on the thread that loads the configuration. Key bytes are wiped from
// every buffer of ours; the library wipes its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;
struct ssl_ctx_st;
struct x509_st;

namespace sluice::net {

struct TlsPemFree {
    void operator()(x509_st* certificate) const;
    void operator()(evp_pkey_st* key) const;
};
using TlsCertificate = std::unique_ptr<x509_st, TlsPemFree>;
using TlsPrivateKey = std::unique_ptr<evp_pkey_st, TlsPemFree>;

// Every certificate in `file`, in order; empty: `error` says why.
std::vector<TlsCertificate> read_certificates(const std::string& file, std::string& error);
// The first private key in `file`; null: `error` says why.
TlsPrivateKey read_private_key(const std::string& file, std::string& error);

// The DNS names that a certificate is for, lower case (RFC 6125: subjectAltName only). What is no
// proper name, for example one with a NUL inside, is left out.
std::vector<std::string> names_of(const x509_st& certificate);

// Warnings about a chain, leaf first: validity now and soon, order.
void check_chain(const std::vector<TlsCertificate>& chain,
                 const std::string& file,
                 int64_t wall_clock_s,
                 std::vector<std::string>& warnings);

// Reads certificate and key and puts them into `context`; the chain is returned, empty on failure.
std::vector<TlsCertificate> use_identity(ssl_ctx_st* context,
                                         const std::string& certificate_file,
                                         const std::string& private_key_file,
                                         std::string& error);

}  // namespace sluice::net
