// Accepting, handshakes, reading bodies.
#include "llm-kit/answer_server.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/options.h"
#include "http/server_connection.h"
#include "http/server_exchange.h"
#include "llm-kit/counters.h"
#include "llm-kit/wire_form.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "net/listener.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/tcp_stream.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"

namespace sluice::llm_kit {

namespace {

constexpr uint16_t kBadRequest = 400;
constexpr Duration kHandshakeTime = Duration::seconds(10);

// As few system calls for each connection as possible; the kernel's buffer sizes do.
constexpr net::SocketOptions kSocketOptions = {.receive_buffer_bytes = 0, .keep_alive_probe_s = 0};

}  // namespace

http::ServerConnectionOptions patient_connections(Duration idle_timeout) {
    http::ServerConnectionOptions connection;
    connection.keep_alive_timeout_ms = static_cast<uint32_t>(idle_timeout.ms());
    connection.limits.head_bytes_max = 256 * 1024;
    connection.limits.field_bytes_max = 128 * 1024;
    return connection;
}

AnswerServer::AnswerServer(net::Proactor& proactor,
                           const http::ServerConnectionOptions& options,
                           const net::TlsContext& tls,
                           Counters& counters)
    : proactor_(proactor),
      counters_(counters),
      tls_(tls),
      options_(options),
      connections_(*this),
      scope_(proactor.ready()) {}

AnswerServer::~AnswerServer() = default;

Status AnswerServer::listen(std::string_view host, uint16_t port) {
    const std::optional<net::Address> address = net::Address::parse(host, port);
    if (!address) {
        return fail({.kind = ErrorKind::invalid_field, .where = "--host must be an address"});
    }
    listener_ = std::make_unique<net::Listener>(
        proactor_, net::Listener::Handlers{.on_new = &on_accept}, this);
    TRY_VOID(listener_->start(*address, kSocketOptions));
    port_ = listener_->local_address().port();
    return {};
}

void AnswerServer::go_down() {
    if (listener_ != nullptr) {
        listener_->stop();
    }
    connections_.abort_all();
}

void AnswerServer::stop() {
    connections_.drain();
    go_down();
}

bool AnswerServer::is_over() const {
    return can_listen() && scope_.running() == 0;
}

void AnswerServer::on_accept(void* owner, int fd) {
    auto& server = *static_cast<AnswerServer*>(owner);
    net::StreamPtr stream =
        net::TcpStream::adopt(server.proactor_, fd, kSocketOptions, ErrorSource::client);
    server.scope_.spawn(server.serve(std::move(stream)));
}

coro::Task<bool> AnswerServer::shake_hands(net::TlsStream& stream) {
    coro::Signal signal(proactor_.ready());
    net::Deadline deadline(proactor_, signal);
    deadline.set(kHandshakeTime);
    stream.set_signal(&signal);
    while (!stream.handshake_done() && !stream.failed() && !deadline.has_passed() &&
           !connections_.is_draining()) {
        co_await signal.wait();
    }
    stream.set_signal(nullptr);
    co_return stream.handshake_done() && !stream.failed();
}

coro::Task<void> AnswerServer::serve(net::StreamPtr stream) {
    counters_.connections.add();
    counters_.open_connections.add();
    bool is_ready = true;
    if (tls_) {
        net::TlsStream::Ptr secured = net::TlsStream::accept(std::move(stream), tls_, tls_blocks_);
        is_ready = co_await shake_hands(*secured);
        stream.reset(secured.release());
    }
    if (is_ready) {
        co_await http::ServerConnection::serve(connections_, std::move(stream));
    }
    counters_.open_connections.subtract();
}

void AnswerServer::refuse(http::ServerExchange& exchange, const Error& error) {
    counters_.refused.add();
    http::HeadWriter writer = exchange.begin_response(kBadRequest);
    writer.field(http::HeaderId::content_type, "application/json");
    exchange.close_after();
    if (!exchange.respond(writer, kBadRequest,
                          Slice::copy_of(kOpenAiForm.error_body(kBadRequest, error.where)))) {
        exchange.abort_response();
    }
}

coro::Task<bool> AnswerServer::read_body(http::ServerExchange& exchange,
                                         uint64_t kept_bytes_max,
                                         RequestBody& body) {
    body.text.reserve(std::min(kept_bytes_max, exchange.body_bytes_left().value_or(0)));
    while (true) {
        http::BodyPiece piece;
        const Result<bool> has_piece = exchange.next_body_piece(piece);
        if (!has_piece) {
            counters_.aborted.add();
            exchange.abort_response();
            co_return false;
        }
        if (*has_piece) {
            body.bytes += piece.data.size();
            counters_.request_body_bytes.add(piece.data.size());
            const uint64_t room =
                kept_bytes_max - std::min<uint64_t>(kept_bytes_max, body.text.size());
            body.text += piece.data.view().substr(0, room);
            continue;
        }
        if (exchange.is_body_complete()) {
            co_return true;
        }
        co_await exchange.signal().wait();
    }
}

}  // namespace sluice::llm_kit
