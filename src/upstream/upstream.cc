// Leasing: take an idle connection, wait for one, or make one.
#include "upstream/upstream.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/local_ptr.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/client_connection.h"
#include "http/url.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "net/resolver.h"
#include "net/tcp_connect.h"
#include "net/tcp_stream.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"
#include "upstream/connection_pool.h"
#include "upstream/options.h"
#include "upstream/patience.h"

namespace sluice::upstream {

namespace {

// Of a request's body, whose flow the pipeline limits, so much may wait to be sent.
constexpr uint32_t kRequestQueueBytes = 256 * 1024;

Error timed_out(ErrorKind kind, const char* where) {
    return {.kind = kind, .source = ErrorSource::upstream, .retry = Retry::safe, .where = where};
}

}  // namespace

// --- Lease.

Lease::Lease(LocalPtr<Upstream> upstream, ConnectionPtr connection)
    : upstream_(std::move(upstream)), connection_(std::move(connection)) {}

Lease& Lease::operator=(Lease&& other) noexcept {
    if (this != &other) {
        drop();
        upstream_ = std::move(other.upstream_);
        connection_ = std::move(other.connection_);
    }
    return *this;
}

void Lease::give_back(bool request_sent_whole) {
    if (connection_ != nullptr && connection_->finish_exchange(request_sent_whole)) {
        upstream_->pool().put_idle(std::move(connection_));
    } else {
        drop();
    }
    upstream_ = {};
}

void Lease::drop() {
    if (connection_ != nullptr) {
        connection_->set_signal(nullptr);
        connection_.reset();
        upstream_->pool().release_slot();
    }
    upstream_ = {};
}

// --- Upstream.

Upstream::Upstream(const Surroundings& surroundings,
                   const UpstreamOptions& options,
                   const net::TlsContext& tls,
                   const ConnectCounters& connects,
                   Reach reach)
    : surroundings_(surroundings),
      connects_(connects),
      options_(options),
      tls_(tls),
      reach_(reach),
      retry_budget_(options.retry),
      pool_(surroundings.proactor, options.pool) {
    if (options_.is_simulated()) {
        return;
    }
    if (const Result<http::BaseUrl> url = http::parse_base_url(options_.base_url)) {
        url_ = *url;
        host_field_ = http::authority_text(url_);
        tls_name_ = options_.tls.server_name.empty() ? url_.host : options_.tls.server_name;
    }
}

std::string_view Upstream::model_for(std::string_view model) const {
    for (const ModelAlias& alias : options_.models) {
        if (alias.alias == model) {
            return alias.model;
        }
    }
    return model;
}

coro::Task<Result<Lease>> Upstream::lease(Patience& patience, bool fresh) {
    LocalPtr<Upstream> self(this);
    if (!fresh) {
        if (ConnectionPtr idle = pool_.take_idle(); idle != nullptr) {
            co_return Lease(std::move(self), std::move(idle));
        }
    }
    if (!pool_.try_reserve()) {
        ConnectionPool::Waiter waiter(pool_, patience.signal());
        if (!pool_.enqueue(waiter)) {
            co_return fail({.kind = ErrorKind::overloaded,
                            .source = ErrorSource::gateway,
                            .where = "too many requests wait for a connection to the upstream"});
        }
        net::Deadline deadline(surroundings_.proactor, patience.signal());
        deadline.set(Duration::milliseconds(options_.pool.wait_timeout_ms));
        while (!waiter.is_granted()) {
            if (const std::optional<Error> stop = patience.reason_to_stop()) {
                co_return fail(*stop);
            }
            if (deadline.has_passed()) {
                co_return fail({.kind = ErrorKind::overloaded,
                                .source = ErrorSource::gateway,
                                .where = "no connection to the upstream became free in time"});
            }
            co_await patience.signal().wait();
        }
        if (ConnectionPtr granted = waiter.take(); granted != nullptr) {
            co_return Lease(std::move(self), std::move(granted));
        }
    }
    Result<ConnectionPtr> made = co_await connect(patience);
    if (!made) {
        pool_.release_slot();
        co_return fail(made.error());
    }
    co_return Lease(std::move(self), std::move(*made));
}

// All addresses within reach are tried, one after the other, within the connect timeout of each.
coro::Task<Result<ConnectionPtr>> Upstream::connect(Patience& patience) {
    net::Resolution resolution(surroundings_.resolver, url_.host, url_.port, patience.signal());
    while (!resolution.is_done()) {
        if (const std::optional<Error> stop = patience.reason_to_stop()) {
            co_return fail(*stop);
        }
        co_await patience.signal().wait();
    }
    CO_TRY_VOID(resolution.status());
    Error last = timed_out(ErrorKind::dns_failed, reach_ == Reach::public_only
                                                      ? "the upstream's name has no public address"
                                                      : "the upstream's name has no address");
    for (size_t i = 0; i < resolution.size(); ++i) {
        const net::Address address = resolution.at(i);
        if (reach_ == Reach::public_only && !address.is_public()) {
            continue;
        }
        Result<net::StreamPtr> stream = co_await connect_to(address, patience);
        if (stream) {
            connects_.ok.add();
            co_return std::make_unique<http::ClientConnection>(std::move(*stream),
                                                               surroundings_.limits);
        }
        last = stream.error();
        if (last.kind == ErrorKind::cancelled || last.kind == ErrorKind::total_timeout ||
            last.kind == ErrorKind::shutting_down) {
            break;
        }
        connects_.failed.add();
    }
    co_return fail(last);
}

coro::Task<Result<net::StreamPtr>> Upstream::connect_to(const net::Address& address,
                                                        Patience& patience) {
    net::Deadline deadline(surroundings_.proactor, patience.signal());
    deadline.set(Duration::milliseconds(options_.timeouts.connect_ms));
    CO_TRY(const net::TcpConnectPtr attempt,
           net::TcpConnect::start(surroundings_.proactor, address, surroundings_.sockets,
                                  patience.signal()));
    while (!attempt->is_done()) {
        if (const std::optional<Error> stop = patience.reason_to_stop()) {
            co_return fail(*stop);
        }
        if (deadline.has_passed()) {
            co_return fail(timed_out(ErrorKind::connect_timeout, "connecting took too long"));
        }
        co_await patience.signal().wait();
    }
    CO_TRY(const int fd, attempt->take_descriptor());
    net::StreamPtr stream = net::TcpStream::adopt(surroundings_.proactor, fd, surroundings_.sockets,
                                                  ErrorSource::upstream);
    stream->set_unsent_high(kRequestQueueBytes);
    if (!tls_) {
        co_return stream;
    }
    co_return co_await secure(std::move(stream), patience, deadline);
}

// The handshake counts against the connect timeout. Nothing of a request is sent before the
// upstream has proved who it is.
coro::Task<Result<net::StreamPtr>> Upstream::secure(net::StreamPtr plain,
                                                    Patience& patience,
                                                    const net::Deadline& deadline) {
    net::TlsStream::Ptr stream =
        net::TlsStream::connect(std::move(plain), tls_, surroundings_.tls_blocks,
                                {.name = tls_name_, .sessions = &tls_sessions_});
    stream->set_signal(&patience.signal());
    while (!stream->handshake_done()) {
        if (stream->failed()) {
            co_return fail(stream->error());
        }
        if (stream->read_ended()) {
            co_return fail({.kind = ErrorKind::tls_handshake,
                            .source = ErrorSource::upstream,
                            .retry = Retry::safe,
                            .where = "the upstream closed the connection in the TLS handshake"});
        }
        if (const std::optional<Error> stop = patience.reason_to_stop()) {
            co_return fail(*stop);
        }
        if (deadline.has_passed()) {
            co_return fail(
                timed_out(ErrorKind::connect_timeout, "the TLS handshake took too long"));
        }
        co_await patience.signal().wait();
    }
    stream->set_signal(nullptr);
    co_return net::StreamPtr(stream.release());
}

}  // namespace sluice::upstream
