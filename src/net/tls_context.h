// TlsContext: one side's TLS settings, certificates and trust, made once and never changed.
//
// A value that counts its holders across threads: all shards share one, every connection keeps the
// one it began with, and a reload simply makes another. Making one reads files, so it happens at
// start and reload only; what is wrong is told as text that names the file and the reason.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/options.h"
#include "net/tls_ticket_keys.h"

struct ssl_ctx_st;
struct x509_store_st;

namespace sluice::net {

class TlsTrustStores;
struct TlsContextResult;

class TlsContext {
public:
    // What ALPN may choose from, best first (RFC 7301).
    using Protocols = std::span<const std::string_view>;
    static const Protocols kHttp1;

    // Empty: no TLS.
    TlsContext() = default;
    TlsContext(const TlsContext& other);
    TlsContext(TlsContext&& other) noexcept;
    TlsContext& operator=(TlsContext other) noexcept;
    ~TlsContext();

    // Towards clients. `options.certificates` must not be empty. The clock, in nanoseconds since
    // 1970, serves for warnings about expiry.
    static TlsContextResult make_server(const TlsServerOptions& options,
                                        const std::shared_ptr<TlsTicketKeys>& ticket_keys,
                                        int64_t wall_clock_ns,
                                        Protocols protocols = kHttp1);
    // Towards an upstream. `stores` is shared by all upstreams of one load of the configuration.
    static TlsContextResult make_client(const TlsClientOptions& options,
                                        TlsTrustStores& stores,
                                        int64_t wall_clock_ns,
                                        Protocols protocols = kHttp1);

    explicit operator bool() const { return native_ != nullptr; }
    bool is_server() const;
    ssl_ctx_st* native() const { return native_; }
    bool operator==(const TlsContext& other) const = default;

    // Takes over one reference.
    static TlsContext adopt(ssl_ctx_st* native) { return TlsContext(native); }

private:
    explicit TlsContext(ssl_ctx_st* native) : native_(native) {}

    ssl_ctx_st* native_ = nullptr;
};

struct TlsContextResult {
    bool ok() const { return static_cast<bool>(context); }

    TlsContext context;
    std::string error;                  // Why there is no context.
    std::vector<std::string> warnings;  // What an operator should know although it works.
};

// The CA bundles of one load of the configuration, each read once however many upstreams use it.
class TlsTrustStores {
public:
    struct Loaded {
        std::shared_ptr<x509_store_st> store;  // Null: `error` says why.
        std::string error;
    };

    // The bundle in `file`; with an empty name the system's (the file named by SSL_CERT_FILE, or
    // the first that exists of the places where systems keep theirs).
    Loaded load(const std::string& file);

private:
    struct Entry {
        std::string file;
        std::shared_ptr<x509_store_st> store;
    };
    std::vector<Entry> entries_;
};

}  // namespace sluice::net
