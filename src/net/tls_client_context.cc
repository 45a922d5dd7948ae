// Client contexts, and where the certificates of the authorities come from.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <openssl/base.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "base/time.h"
#include "net/options.h"
#include "net/tls_context.h"
#include "net/tls_context_state.h"
#include "net/tls_engine.h"
#include "net/tls_pem.h"

namespace sluice::net {

namespace {

// Where systems keep their bundle: Debian and Alpine, Fedora, openSUSE, the BSDs.
constexpr std::array<const char*, 4> kSystemBundles = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

std::string system_bundle() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment after the start.
    if (const char* named = std::getenv("SSL_CERT_FILE"); named != nullptr && *named != '\0') {
        return named;
    }
    for (const char* place : kSystemBundles) {
        if (access(place, R_OK) == 0) {
            return place;
        }
    }
    return {};
}

int on_new_session(SSL* ssl, SSL_SESSION* session) {
    return TlsEngine::on_new_session(ssl, session);
}

}  // namespace

TlsTrustStores::Loaded TlsTrustStores::load(const std::string& file) {
    for (const Entry& entry : entries_) {
        if (entry.file == file) {
            return {entry.store, {}};
        }
    }
    Loaded loaded;
    const std::string place = file.empty() ? system_bundle() : file;
    if (place.empty()) {
        loaded.error =
            "no CA bundle was found on this system; install ca-certificates, set SSL_CERT_FILE, or "
            "name one as ca_file";
        return loaded;
    }
    const std::vector<TlsCertificate> anchors = read_certificates(place, loaded.error);
    if (anchors.empty()) {
        return loaded;
    }
    loaded.store.reset(X509_STORE_new(), &X509_STORE_free);
    for (const TlsCertificate& anchor : anchors) {
        X509_STORE_add_cert(loaded.store.get(), anchor.get());
    }
    entries_.push_back({file, loaded.store});
    return loaded;
}

TlsContextResult TlsContext::make_client(const TlsClientOptions& options,
                                         TlsTrustStores& stores,
                                         int64_t wall_clock_ns,
                                         Protocols protocols) {
    TlsContextResult result;
    auto state = std::make_unique<TlsContextState>();
    state->verifies_peer = options.verify;
    if (options.verify) {
        TlsTrustStores::Loaded trust = stores.load(options.ca_file);
        if (trust.store == nullptr) {
            result.error = std::move(trust.error);
            return result;
        }
        state->trust = std::move(trust.store);
    } else {
        result.warnings.emplace_back(
            "verify is off: whoever answers gets the requests and the provider's key");
    }
    TlsContext context = new_tls_context(std::move(state), options.version_min, protocols);
    SSL_CTX* native = context.native();
    if (!options.certificate_file.empty()) {
        const std::vector<TlsCertificate> chain =
            use_identity(native, options.certificate_file, options.private_key_file, result.error);
        if (chain.empty()) {
            return result;
        }
        const int64_t wall_clock_s = Duration::nanoseconds(wall_clock_ns).ms() / 1000;
        check_chain(chain, options.certificate_file, wall_clock_s, result.warnings);
    }
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(native, &on_new_session);
    if (options.verify) {
        // A session must not outlive the certificate that it was made with.
        SSL_CTX_set_reverify_on_resume(native, 1);
    }
    result.context = std::move(context);
    return result;
}

}  // namespace sluice::net
