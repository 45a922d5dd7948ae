// MockServer: one shard of the mock: its listener, its connections and what answers them.
//
// Made, run and destroyed on its shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/prng.h"
#include "base/result.h"
#include "coro/scope.h"
#include "coro/task.h"
#include "http/options.h"
#include "http/server_connection.h"
#include "http/server_exchange.h"
#include "llm-mock/answer_cache.h"
#include "llm-mock/control.h"
#include "llm-mock/options.h"
#include "llm-mock/player.h"
#include "net/byte_stream.h"
#include "net/listener.h"
#include "net/shard.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"

namespace sluice::llm_mock {

class MockServer final : public http::RequestHandler {
public:
    // `tls` is empty where there is none.
    MockServer(net::Shard& shard,
               const MockOptions& options,
               Control& control,
               const net::TlsContext& tls);
    ~MockServer();
    MockServer(const MockServer&) = delete;
    MockServer& operator=(const MockServer&) = delete;

    Status start();
    uint16_t port() const { return listener_.local_address().port(); }
    // Ends everything now; is_over() says when it has.
    void stop();
    bool is_over() const;

    coro::Task<void> handle(http::ServerExchange& exchange) override;
    void refuse(http::ServerExchange& exchange, const Error& error) override;
    const http::ServerConnectionOptions& connection_options() override {
        return connection_options_;
    }

private:
    struct Request;

    static void on_accept(void* owner, int fd);
    coro::Task<void> serve(net::StreamPtr stream);
    coro::Task<bool> shake_hands(net::TlsStream& stream);
    coro::Task<bool> read_body(Request& request);
    coro::Task<void> answer(Request& request);
    coro::Task<void> answer_model_call(Request& request);
    coro::Task<void> answer_control(Request& request);
    coro::Task<void> answer_text(Request& request,
                                 uint16_t status,
                                 std::string_view content_type,
                                 std::string_view text);
    coro::Task<void> answer_error(Request& request, uint16_t status, std::string_view message);
    bool choose_fault(Request& request, std::string& wrong);
    void record(const Request& request);
    std::string models_json(std::string_view path) const;

    const net::TlsContext& tls_;
    net::TlsBlocks tls_blocks_;
    ShardContext context_;
    const http::ServerConnectionOptions connection_options_;
    http::ServerConnections connections_;
    net::Listener listener_;
    coro::TaskScope scope_;
    AnswerCache answers_;
    FaultSpec fault_;  // Of requests that name none; a copy of the shared one.
    uint64_t fault_generation_ = 0;
};

}  // namespace sluice::llm_mock
