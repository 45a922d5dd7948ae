// ServerConnection: one client connection, request after request.
//
// A coroutine that waits for a head, runs the handler, makes sure that the next request starts at
// the right byte, and starts over. Whatever makes that uncertain (a refused head, an unread body)
// ends the connection instead. Owned by its own frame in the gateway's scope; one shard.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/header_map.h"
#include "http/options.h"
#include "http/server_exchange.h"
#include "net/byte_stream.h"
#include "net/timer_wheel.h"

namespace sluice::http {

// What answers requests: the gateway's pipeline, or a mock. One per shard, outlives connections.
class RequestHandler {
public:
    // Runs one exchange to its end: a finished response, or an aborted one. Must return soon after
    // the client is gone.
    virtual coro::Task<void> handle(ServerExchange& exchange) = 0;
    // The head was refused (or never completed). Writes an answer; the connection then closes.
    virtual void refuse(ServerExchange& exchange, const Error& error) = 0;
    // Options for connections that begin, or begin another request, now. Good until the next
    // reload: whoever needs them longer takes a copy.
    virtual const ServerConnectionOptions& connection_options() = 0;

protected:
    ~RequestHandler() = default;
};

class ServerConnection;

// All connections of one shard: for limits, and for telling them to drain.
class ServerConnections {
public:
    explicit ServerConnections(RequestHandler& handler) : handler_(handler) {}

    uint32_t open() const { return open_; }
    // Idle connections end now, new ones have a moment for their first request, and busy ones end
    // after their exchange.
    void drain();
    bool is_draining() const { return draining_; }
    // The drain's deadline: every connection fails now, whatever it does.
    void abort_all();

private:
    friend class ServerConnection;

    std::span<HeaderField> scratch_for(const ServerConnectionOptions& options);

    RequestHandler& handler_;
    IntrusiveList<ServerConnection> connections_;
    // Where heads are parsed; a connection keeps only as many fields as it has.
    std::vector<HeaderField> scratch_;
    uint32_t open_ = 0;
    bool draining_ = false;
};

class ServerConnection : public ListNode {
public:
    // Serves the stream until it ends. Spawn it in a TaskScope that outlives `connections`' users.
    static coro::Task<void> serve(ServerConnections& connections, net::StreamPtr stream);

private:
    friend class ServerConnections;

    ServerConnection(ServerConnections& connections, net::StreamPtr stream);
    ~ServerConnection();

    // What a look at the connection found; `wait`: nothing yet.
    enum class Step : uint8_t { wait, go, end, refused };

    Step look_for_head();
    bool is_idle_too_long();
    Step look_for_end_of_response();
    void wait_until(Instant deadline);
    net::CloseMode close_mode() const;
    static void on_timer(net::Timer& timer);

    ServerConnections& all_;
    net::StreamPtr stream_;
    coro::Signal signal_;
    net::Timer timer_;
    std::unique_ptr<ServerExchange> exchange_;  // Only while a request is on its way.
    uint32_t requests_ = 0;
    bool timed_out_ = false;
    bool is_hurried_ = false;  // Its first request must come within kFirstRequestGrace.
};

}  // namespace sluice::http
