// AdminServer: the admin API's listener and its connections, on the control shard.
//
// The data shards know nothing of it: it shares no listener, no connection and no queue with
// traffic, and a handler that takes long holds up nobody but other users of the API. Made, used
// and destroyed on the main thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/result.h"
#include "coro/scope.h"
#include "coro/task.h"
#include "http/options.h"
#include "http/server_connection.h"
#include "http/server_exchange.h"
#include "net/byte_stream.h"
#include "net/endpoint.h"
#include "net/listener.h"
#include "net/options.h"
#include "net/shard.h"
#include "net/unix_listener.h"
#include "server/admin_access.h"
#include "server/admin_api.h"

namespace sluice::server {

class AdminServer final : private http::RequestHandler {
public:
    static constexpr uint32_t kConnectionsMax = 64;
    static constexpr uint32_t kBodyBytesMax = 1024 * 1024;

    AdminServer(net::Shard& control, AdminBackend& backend);
    // stop() must have been called and is_idle() be true.
    ~AdminServer();

    // The error is the reason, for a person. `passed`: a descriptor that listens there already, of
    // which only the queue is the server's, not the file of a unix socket.
    std::expected<void, std::string> start(const net::Endpoint& endpoint,
                                           std::optional<int> passed = std::nullopt);
    // As it can be given to a client: with port 0, the one that was given.
    const std::string& address() const { return address_; }

    // Stops accepting; idle connections end now, busy ones after their answer.
    void stop();
    // Ends what is left.
    void abort() { connections_.abort_all(); }
    bool is_idle() const { return scope_.running() == 0 && listener_.is_idle(); }

private:
    Result<int> open(const net::Endpoint& endpoint);
    static void on_accept(void* owner, int fd);
    static uint32_t room(void* owner);

    coro::Task<void> serve(net::StreamPtr stream);
    coro::Task<void> handle(http::ServerExchange& exchange) override;
    void refuse(http::ServerExchange& exchange, const Error& error) override;
    const http::ServerConnectionOptions& connection_options() override { return options_; }
    coro::Task<AdminAnswer> answer(http::ServerExchange& exchange);
    // The body, or the answer to one that cannot be taken.
    coro::Task<std::expected<std::string, AdminAnswer>> read_body(http::ServerExchange& exchange);

    net::Shard& control_;
    AdminBackend& backend_;
    http::ServerConnectionOptions options_;
    const net::SocketOptions sockets_;
    http::ServerConnections connections_;
    coro::TaskScope scope_;
    net::Listener listener_;
    std::unique_ptr<net::UnixListener> unix_socket_;
    std::string address_;
    AdminReach reach_ = AdminReach::network;
    uint32_t open_ = 0;  // Connections.
};

}  // namespace sluice::server
