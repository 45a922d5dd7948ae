// One walk up the chain by the library's X.509 verifier, with our demands and our words.
#include "net/tls_verify.h"

#include <array>
#include <cstdint>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/base.h>
#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/stack.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace sluice::net {

namespace {

const char* reason_text(int result) {
    switch (result) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "the peer's certificate, or one of its chain, has expired";
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "the peer's certificate, or one of its chain, is not valid yet";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_UNTRUSTED:
            return "the peer's certificate comes from an unknown authority";
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return "the peer's certificate is signed by itself, not by a known authority";
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "the peer's certificate is for another name";
        case X509_V_ERR_INVALID_PURPOSE:
            return "the peer's certificate is not made for this purpose";
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return "a signature in the peer's chain is wrong";
        default:
            return X509_verify_cert_error_string(result);
    }
}

// The chain as parsed certificates; false when one of them cannot be parsed.
bool parse_chain(const SSL* ssl,
                 bssl::UniquePtr<X509>& leaf,
                 bssl::UniquePtr<STACK_OF(X509)>& others) {
    const STACK_OF(CRYPTO_BUFFER)* encoded = SSL_get0_peer_certificates(ssl);
    others.reset(sk_X509_new_null());
    for (size_t i = 0; i < sk_CRYPTO_BUFFER_num(encoded); ++i) {
        bssl::UniquePtr<X509> certificate(
            X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(encoded, i)));
        if (certificate == nullptr) {
            return false;
        }
        if (i == 0) {
            leaf = std::move(certificate);
        } else {
            bssl::PushToStack(others.get(), std::move(certificate));
        }
    }
    return leaf != nullptr;
}

bool set_demand(X509_STORE_CTX* verification, const TlsPeerDemand& demand) {
    if (X509_STORE_CTX_set_default(verification, demand.is_server ? "ssl_server" : "ssl_client") !=
        1) {
        return false;
    }
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(verification);
    X509_VERIFY_PARAM_set_time(param, demand.wall_clock_s);
    if (demand.name.empty()) {
        return true;
    }
    if (is_ip_literal(demand.name)) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, demand.name.c_str()) == 1;
    }
    X509_VERIFY_PARAM_set_hostflags(
        param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, demand.name.data(), demand.name.size()) == 1;
}

}  // namespace

TlsVerdict verify_peer_chain(const ssl_st* ssl, x509_store_st* trust, const TlsPeerDemand& demand) {
    bssl::UniquePtr<X509> leaf;
    bssl::UniquePtr<STACK_OF(X509)> others;
    TlsVerdict verdict;
    if (!parse_chain(ssl, leaf, others)) {
        verdict = {"the peer's certificate cannot be decoded", SSL_AD_BAD_CERTIFICATE};
        ERR_clear_error();
        return verdict;
    }
    const bssl::UniquePtr<X509_STORE_CTX> verification(X509_STORE_CTX_new());
    if (X509_STORE_CTX_init(verification.get(), trust, leaf.get(), others.get()) != 1 ||
        !set_demand(verification.get(), demand)) {
        verdict = {"the verification could not be set up", SSL_AD_INTERNAL_ERROR};
    } else if (X509_verify_cert(verification.get()) != 1) {
        const int result = X509_STORE_CTX_get_error(verification.get());
        verdict = {reason_text(result), static_cast<uint8_t>(SSL_alert_from_verify_result(result))};
    }
    ERR_clear_error();
    return verdict;
}

bool is_ip_literal(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> address;
    return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
           inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace sluice::net
