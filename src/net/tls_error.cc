// From the library's codes to sentences.
#include "net/tls_error.h"

#include <cstdint>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/error.h"

namespace sluice::net {

namespace {

// What the peer has told us by an alert (RFC 8446 section 6).
const char* alert_text(int alert) {
    switch (alert) {
        case SSL_AD_HANDSHAKE_FAILURE:
            return "the peer refused the handshake (no common parameters)";
        case SSL_AD_PROTOCOL_VERSION:
            return "the peer refused our TLS versions";
        case SSL_AD_INSUFFICIENT_SECURITY:
            return "the peer asks for stronger ciphers";
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_UNKNOWN:
            return "the peer refused our certificate";
        case SSL_AD_CERTIFICATE_EXPIRED:
            return "the peer says that our certificate has expired";
        case SSL_AD_CERTIFICATE_REVOKED:
            return "the peer says that our certificate is revoked";
        case SSL_AD_UNKNOWN_CA:
            return "the peer does not know the authority of our certificate";
        case SSL_AD_CERTIFICATE_REQUIRED:
            return "the peer asks for a client certificate";
        case SSL_AD_ACCESS_DENIED:
            return "the peer denied access";
        case SSL_AD_UNRECOGNIZED_NAME:
            return "the peer does not serve that name";
        case SSL_AD_NO_APPLICATION_PROTOCOL:
            return "the peer speaks none of our protocols (ALPN)";
        case SSL_AD_BAD_RECORD_MAC:
        case SSL_AD_DECRYPT_ERROR:
            return "the peer could not decrypt or verify what it got";
        case SSL_AD_INTERNAL_ERROR:
            return "the peer had an internal error in TLS";
        default:
            return "the peer ended the connection with a TLS alert";
    }
}

// What we found ourselves.
const char* reason_text(int reason) {
    switch (reason) {
        case SSL_R_HTTP_REQUEST:
            return "a plain HTTP request came to a TLS port";
        case SSL_R_HTTPS_PROXY_REQUEST:
            return "a plain CONNECT request came to a TLS port";
        case SSL_R_WRONG_VERSION_NUMBER:
            return "what came is not TLS (does the peer speak plain text?)";
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_UNKNOWN_PROTOCOL:
            return "no common TLS version";
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_SHARED_GROUP:
        case SSL_R_NO_COMMON_SIGNATURE_ALGORITHMS:
            return "no common cipher, group or signature";
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return "the peer showed no certificate";
        case SSL_R_NO_APPLICATION_PROTOCOL:
            return "the peer offers none of our protocols (ALPN)";
        case SSL_R_NO_RENEGOTIATION:
            return "the peer asked for renegotiation, which is refused";
        case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
            return "a record could not be decrypted";
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            return "the peer's certificate could not be verified";
        default:
            return nullptr;
    }
}

// Alerts that concern certificates may come when our side of the handshake is over (TLS 1.3).
bool is_about_handshake(int alert) {
    switch (alert) {
        case SSL_AD_HANDSHAKE_FAILURE:
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_REVOKED:
        case SSL_AD_CERTIFICATE_EXPIRED:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_UNKNOWN_CA:
        case SSL_AD_ACCESS_DENIED:
        case SSL_AD_CERTIFICATE_REQUIRED:
            return true;
        default:
            return false;
    }
}

}  // namespace

Error tls_handshake_error(ErrorSource peer, const char* where) {
    // No byte of a request is sent before the handshake is done.
    return {.kind = ErrorKind::tls_handshake, .source = peer, .retry = Retry::safe, .where = where};
}

Error take_tls_error(ErrorSource peer, bool handshaking) {
    const char* text = nullptr;
    const char* oldest = nullptr;
    bool about_handshake = false;
    // What the protocol says is clearer than the cipher's reason behind it.
    for (uint32_t code = ERR_get_error(); code != 0 && text == nullptr; code = ERR_get_error()) {
        if (oldest == nullptr) {
            oldest = ERR_reason_error_string(code);
        }
        if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
            const int alert = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
            text = alert > 0 ? alert_text(alert) : reason_text(ERR_GET_REASON(code));
            about_handshake = alert > 0 && is_about_handshake(alert);
        }
    }
    ERR_clear_error();
    if (text == nullptr) {
        text = oldest != nullptr ? oldest : "the TLS library gave no reason";
    }
    if (handshaking) {
        return tls_handshake_error(peer, text);
    }
    return {.kind = about_handshake ? ErrorKind::tls_handshake : ErrorKind::reset,
            .source = peer,
            .retry = Retry::never,
            .where = text};
}

}  // namespace sluice::net
