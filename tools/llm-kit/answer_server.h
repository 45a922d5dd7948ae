// AnswerServer: one listener, its connections, and their requests: what a mock server consists of
// before it answers anything.
//
// A server of a kind derives from it and implements handle(). Made, run and destroyed on its
// shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/scope.h"
#include "coro/task.h"
#include "http/options.h"
#include "http/server_connection.h"
#include "http/server_exchange.h"
#include "llm-kit/counters.h"
#include "net/byte_stream.h"
#include "net/listener.h"
#include "net/proactor.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"

namespace sluice::llm_kit {

// The body of a request, or its first part where it is longer than was asked for.
struct RequestBody {
    std::string text;
    uint64_t bytes = 0;  // Of all of it.
};

// For servers whose clients are programs that are measured: long patience, large heads.
http::ServerConnectionOptions patient_connections(Duration idle_timeout);

class AnswerServer : public http::RequestHandler {
public:
    // `tls` is empty where there is none; it and the counters outlive the server.
    AnswerServer(net::Proactor& proactor,
                 const http::ServerConnectionOptions& options,
                 const net::TlsContext& tls,
                 Counters& counters);
    virtual ~AnswerServer();
    AnswerServer(const AnswerServer&) = delete;
    AnswerServer& operator=(const AnswerServer&) = delete;

    // `host` is an address; port 0 takes a free one.
    Status listen(std::string_view host, uint16_t port);
    uint16_t port() const { return port_; }
    // Ends everything now; is_over() says when it has.
    void stop();
    bool is_over() const;

    void refuse(http::ServerExchange& exchange, const Error& error) override;
    const http::ServerConnectionOptions& connection_options() override { return options_; }

protected:
    net::Proactor& proactor() const { return proactor_; }
    coro::TaskScope& scope() { return scope_; }
    // Refuses connections from now on, and ends those that there are. listen() may follow when
    // can_listen().
    void go_down();
    bool can_listen() const { return listener_ == nullptr || listener_->is_idle(); }
    // Reads all and keeps at most so many bytes. False when the client left or broke its own
    // framing.
    coro::Task<bool> read_body(http::ServerExchange& exchange,
                               uint64_t kept_bytes_max,
                               RequestBody& body);

private:
    static void on_accept(void* owner, int fd);
    coro::Task<void> serve(net::StreamPtr stream);
    coro::Task<bool> shake_hands(net::TlsStream& stream);

    net::Proactor& proactor_;
    Counters& counters_;
    const net::TlsContext& tls_;
    net::TlsBlocks tls_blocks_;
    const http::ServerConnectionOptions options_;
    http::ServerConnections connections_;
    std::unique_ptr<net::Listener> listener_;  // A new one whenever it listens again.
    uint16_t port_ = 0;
    coro::TaskScope scope_;
};

}  // namespace sluice::llm_kit
