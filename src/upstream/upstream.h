// Upstream: one configured upstream on one shard: where it is, how to reach it, its connections.
//
// Exchanges that began with it hold it by LocalPtr, so a reload can replace it at any time. The
// upstream's answer to "a connection, please" is a lease, which gives the connection back or gets
// rid of it, whichever way the exchange ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/local_ptr.h"
#include "base/metrics.h"
#include "base/result.h"
#include "coro/task.h"
#include "http/client_connection.h"
#include "http/limits.h"
#include "http/url.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/resolver.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_session_cache.h"
#include "upstream/connection_pool.h"
#include "upstream/options.h"
#include "upstream/patience.h"
#include "upstream/retry.h"

namespace sluice::upstream {

// What upstreams of one shard share.
struct Surroundings {
    net::Proactor& proactor;
    net::ResolverClient& resolver;
    net::TlsBlocks& tls_blocks;
    net::SocketOptions sockets;
    http::MessageLimits limits;
};

// Where an upstream counts its attempts to connect, one for each address tried. The cells outlive
// it and are those of its name, so that they go on when a reload replaces it.
struct ConnectCounters {
    Counter& ok;
    Counter& failed;
};

// Which of the addresses of its name an upstream may be called at.
enum class Reach : uint8_t {
    any,
    public_only,  // For names that strangers choose. Holds for each address at the moment of
                  // connecting, so a name that changes its mind gets nowhere.
};

class Upstream;

// A connection on loan for one exchange.
class Lease {
public:
    Lease() = default;
    Lease(LocalPtr<Upstream> upstream, ConnectionPtr connection);
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { drop(); }

    explicit operator bool() const { return connection_ != nullptr; }
    http::ClientConnection& operator*() const { return *connection_; }
    http::ClientConnection* operator->() const { return connection_.get(); }

    // The exchange on it is over. The connection serves again if its response was read to the end.
    void give_back(bool request_sent_whole);
    // Ends the connection at once: the upstream stops working for a client that left.
    void drop();

private:
    LocalPtr<Upstream> upstream_;
    ConnectionPtr connection_;
};

class Upstream : public LocallyCounted {
public:
    // `options` must outlive it (the snapshot does) and were checked when they were loaded.
    // `tls` is empty for plain http.
    Upstream(const Surroundings& surroundings,
             const UpstreamOptions& options,
             const net::TlsContext& tls,
             const ConnectCounters& connects,
             Reach reach = Reach::any);

    const UpstreamOptions& options() const { return options_; }
    const net::TlsContext& tls() const { return tls_; }
    const http::BaseUrl& url() const { return url_; }
    std::string_view host_field() const { return host_field_; }
    // The upstream's name for `model`, or `model` itself.
    std::string_view model_for(std::string_view model) const;
    RetryBudget& retry_budget() { return retry_budget_; }
    ConnectionPool& pool() { return pool_; }
    const ConnectionPool& pool() const { return pool_; }

    // An idle connection, or a new one. Fails with overloaded, dns_failed, connect_*, tls_*, or
    // with the reason for which `patience` ended. `fresh` refuses idle ones.
    coro::Task<Result<Lease>> lease(Patience& patience, bool fresh);

private:
    coro::Task<Result<ConnectionPtr>> connect(Patience& patience);
    coro::Task<Result<net::StreamPtr>> connect_to(const net::Address& address, Patience& patience);
    coro::Task<Result<net::StreamPtr>> secure(net::StreamPtr plain,
                                              Patience& patience,
                                              const net::Deadline& deadline);

    const Surroundings surroundings_;
    const ConnectCounters connects_;
    const UpstreamOptions options_;
    http::BaseUrl url_;
    std::string host_field_;
    const net::TlsContext tls_;
    const Reach reach_;
    std::string tls_name_;  // That the upstream's certificate must be for.
    net::TlsSessionCache tls_sessions_;
    RetryBudget retry_budget_;
    ConnectionPool pool_;
};

}  // namespace sluice::upstream
