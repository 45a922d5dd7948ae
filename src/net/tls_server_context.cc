// Server contexts: one SSL_CTX per certificate, chosen by the name that the client asks for.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/base.h>
#include <openssl/bytestring.h>
#include <openssl/pool.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/assert.h"
#include "base/text.h"
#include "net/options.h"
#include "net/tls_context.h"
#include "net/tls_context_state.h"
#include "net/tls_pem.h"
#include "net/tls_ticket_keys.h"

namespace sluice::net {

namespace {

// The longest host name there is (RFC 1035 section 2.3.4).
constexpr size_t kNameBytesMax = 253;

const TlsContext* find_name(const std::vector<TlsNamedContext>& named, std::string_view name) {
    const auto found = std::lower_bound(
        named.begin(), named.end(), name,
        [](const TlsNamedContext& entry, std::string_view asked) { return entry.name < asked; });
    return found != named.end() && found->name == name ? &found->context : nullptr;
}

// Exact names come before wildcards; a wildcard stands for exactly one label (RFC 6125, 6.4.3).
const TlsContext* find_context(const TlsContextState& state, std::string_view asked) {
    if (asked.empty() || asked.size() > kNameBytesMax) {
        return nullptr;
    }
    std::string name(asked);
    std::ranges::transform(name, name.begin(), ascii_lower);
    if (const TlsContext* exact = find_name(state.named, name); exact != nullptr) {
        return exact;
    }
    const size_t dot = name.find('.');
    if (dot == std::string::npos || dot == 0) {
        return nullptr;
    }
    return find_name(state.named, "*" + name.substr(dot));
}

// The library calls it once per full ClientHello, before it decides about resumption: a ticket
// carries the session id context of the certificate it was given under, and is good for no other.
int choose_certificate(SSL* ssl, int* /*alert*/, void* /*argument*/) {
    const char* asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (asked == nullptr) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    const TlsContextState& state = tls_context_state(SSL_get_SSL_CTX(ssl));
    if (const TlsContext* context = find_context(state, asked);
        context != nullptr && *context && SSL_set_SSL_CTX(ssl, context->native()) == nullptr) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
}

void hash_text(SHA256_CTX& hash, std::string_view text) {
    const uint64_t length = text.size();
    SHA256_Update(&hash, &length, sizeof(length));
    SHA256_Update(&hash, text.data(), text.size());
}

// Two contexts accept each other's sessions if and only if they show the same certificate under the
// same names, ask for at least the same version and trust the same clients.
void set_session_context(SSL_CTX* context,
                         const X509& leaf,
                         const std::vector<std::string>& names,
                         const TlsServerOptions& options) {
    SHA256_CTX hash;
    SHA256_Init(&hash);
    std::array<uint8_t, SHA256_DIGEST_LENGTH> digest = {};
    unsigned length = 0;
    const int digested = X509_digest(&leaf, EVP_sha256(), digest.data(), &length);
    SLUICE_ASSERT(digested == 1 && length == digest.size());
    SHA256_Update(&hash, digest.data(), digest.size());
    for (const std::string& name : names) {
        hash_text(hash, name);
    }
    hash_text(hash, options.client_ca_file);
    hash_text(hash, options.version_min == TlsVersion::tls_1_3 ? "1.3" : "1.2");
    SHA256_Final(digest.data(), &hash);
    const int set = SSL_CTX_set_session_id_context(context, digest.data(), digest.size());
    SLUICE_ASSERT(set == 1);
}

void set_tickets(SSL_CTX* context, bool verifies_clients) {
    if (verifies_clients) {
        // A ticket would carry a verdict that outlives the client's certificate, and the library
        // does not ask again when a session is resumed.
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        return;
    }
    TlsTicketKeys::serve(context);
    // Not longer than a key surely opens.
    const auto lifetime_s = static_cast<uint32_t>(TlsTicketKeys::kRotationInterval.ms() / 1000);
    SSL_CTX_set_timeout(context, lifetime_s);
    SSL_CTX_set_session_psk_dhe_timeout(context, lifetime_s);
}

struct ClientTrust {
    std::shared_ptr<X509_STORE> store;
    std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> names;  // Tell a client what to show.
};

bool read_client_trust(const std::string& file, ClientTrust& trust, std::string& error) {
    const std::vector<TlsCertificate> anchors = read_certificates(file, error);
    if (anchors.empty()) {
        return false;
    }
    trust.store.reset(X509_STORE_new(), &X509_STORE_free);
    for (const TlsCertificate& anchor : anchors) {
        X509_STORE_add_cert(trust.store.get(), anchor.get());
        const uint8_t* der = nullptr;
        size_t length = 0;
        if (X509_NAME_get0_der(X509_get_subject_name(anchor.get()), &der, &length) == 1) {
            trust.names.emplace_back(CRYPTO_BUFFER_new(der, length, nullptr));
        }
    }
    return true;
}

class ServerBuilder {
public:
    ServerBuilder(const TlsServerOptions& options,
                  const std::shared_ptr<TlsTicketKeys>& ticket_keys,
                  int64_t wall_clock_s,
                  TlsContext::Protocols protocols)
        : options_(options),
          ticket_keys_(ticket_keys),
          wall_clock_s_(wall_clock_s),
          protocols_(protocols) {}

    TlsContextResult build();

private:
    TlsContext make_one(const CertificateOptions& identity, std::vector<TlsNamedContext> named);

    const TlsServerOptions& options_;
    const std::shared_ptr<TlsTicketKeys>& ticket_keys_;
    const int64_t wall_clock_s_;
    const TlsContext::Protocols protocols_;
    ClientTrust trust_;
    std::vector<std::string> names_;  // What the context that was made last answers for.
    TlsContextResult result_;
};

TlsContextResult ServerBuilder::build() {
    SLUICE_ASSERT(options_.enabled() && ticket_keys_ != nullptr);
    if (!options_.client_ca_file.empty() &&
        !read_client_trust(options_.client_ca_file, trust_, result_.error)) {
        return std::move(result_);
    }
    // The first certificate comes last: its context holds the table of all others.
    std::vector<TlsNamedContext> named;
    for (size_t i = options_.certificates.size(); i-- > 1;) {
        const TlsContext context = make_one(options_.certificates[i], {});
        if (!context) {
            return std::move(result_);
        }
        if (names_.empty()) {
            result_.warnings.push_back(options_.certificates[i].certificate_file +
                                       ": names no host, so no client will ever be shown it");
        }
        // Earlier certificates win, and they are added later.
        for (const std::string& name : names_) {
            std::erase_if(named, [&](const TlsNamedContext& entry) { return entry.name == name; });
            named.push_back({name, context});
        }
    }
    result_.context = make_one(options_.certificates.front(), std::move(named));
    return std::move(result_);
}

TlsContext ServerBuilder::make_one(const CertificateOptions& identity,
                                   std::vector<TlsNamedContext> named) {
    auto state = std::make_unique<TlsContextState>();
    TlsContextState& fields = *state;
    state->is_server = true;
    state->verifies_peer = trust_.store != nullptr;
    state->trust = trust_.store;
    state->ticket_keys = ticket_keys_;
    TlsContext context = new_tls_context(std::move(state), options_.version_min, protocols_);
    SSL_CTX* native = context.native();
    const std::vector<TlsCertificate> chain =
        use_identity(native, identity.certificate_file, identity.private_key_file, result_.error);
    if (chain.empty()) {
        return {};
    }
    check_chain(chain, identity.certificate_file, wall_clock_s_, result_.warnings);
    names_ = identity.server_names.empty() ? names_of(*chain.front()) : identity.server_names;
    for (std::string& name : names_) {
        std::ranges::transform(name, name.begin(), ascii_lower);
        // The names of the first certificate stand in the table without a context.
        std::erase_if(named, [&](const TlsNamedContext& entry) { return entry.name == name; });
    }
    if (!named.empty()) {
        for (const std::string& name : names_) {
            named.push_back({name, {}});
        }
    }
    std::ranges::sort(named, {}, &TlsNamedContext::name);
    fields.named = std::move(named);
    set_session_context(native, *chain.front(), names_, options_);
    set_tickets(native, fields.verifies_peer);
    SSL_CTX_set_tlsext_servername_callback(native, &choose_certificate);
    if (trust_.store != nullptr) {
        STACK_OF(CRYPTO_BUFFER)* names = sk_CRYPTO_BUFFER_new_null();
        for (const auto& name : trust_.names) {
            bssl::PushToStack(names, bssl::UpRef(name));
        }
        SSL_CTX_set0_client_CAs(native, names);
        // The certificate itself is not needed again; idle connections should not keep it.
        SSL_CTX_set_retain_only_sha256_of_client_certs(native, 1);
    }
    return context;
}

}  // namespace

TlsContextResult TlsContext::make_server(const TlsServerOptions& options,
                                         const std::shared_ptr<TlsTicketKeys>& ticket_keys,
                                         int64_t wall_clock_ns,
                                         Protocols protocols) {
    const int64_t wall_clock_s = Duration::nanoseconds(wall_clock_ns).ms() / 1000;
    return ServerBuilder(options, ticket_keys, wall_clock_s, protocols).build();
}

}  // namespace sluice::net
