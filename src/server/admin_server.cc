// Listening, reading a request whole, and writing its answer.
#include "server/admin_server.h"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/message.h"
#include "http/server_connection.h"
#include "http/server_exchange.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "net/endpoint.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "net/tcp_stream.h"
#include "net/unix_listener.h"
#include "server/admin_access.h"
#include "server/admin_api.h"
#include "server/dashboard.h"

namespace sluice::server {

namespace {

// Requests of programs on the same machine, as a total.
constexpr Duration kBodyTime = Duration::seconds(10);
constexpr std::string_view kHealthPath = "/healthz";

http::ServerConnectionOptions connection_limits() {
    http::ServerConnectionOptions options;
    options.connections_max = AdminServer::kConnectionsMax;
    options.request_body_bytes_max = AdminServer::kBodyBytesMax;
    options.send_timeout_ms = 10'000;
    return options;
}

std::string why_not(const net::Endpoint& endpoint, const Error& error) {
    return endpoint.to_string() + ": " +
           std::error_code(error.os_errno, std::generic_category()).message();
}

AdminAnswer too_large() {
    return admin_error(413, "body_too_large", "the body is larger than 1 MiB");
}

}  // namespace

AdminServer::AdminServer(net::Shard& control, AdminBackend& backend)
    : control_(control),
      backend_(backend),
      options_(connection_limits()),
      connections_(*this),
      scope_(control.proactor().ready()),
      listener_(control.proactor(), {.on_new = &on_accept, .room = &room}, this) {}

AdminServer::~AdminServer() = default;

Result<int> AdminServer::open(const net::Endpoint& endpoint) {
    if (!endpoint.is_unix()) {
        // Not shared: a second gateway must not take half of the requests without a word.
        return control_.proactor().ring().open_listener(endpoint.address, sockets_, false);
    }
    TRY(unix_socket_, net::UnixListener::open(endpoint.unix_path, sockets_.listen_backlog));
    return unix_socket_->take_descriptor();
}

std::expected<void, std::string> AdminServer::start(const net::Endpoint& endpoint,
                                                    std::optional<int> passed) {
    const Result<int> opened = passed ? Result<int>(*passed) : open(endpoint);
    if (!opened) {
        return std::unexpected(why_not(endpoint, opened.error()));
    }
    listener_.adopt(*opened, sockets_);
    if (endpoint.is_unix()) {
        address_ = endpoint.to_string();
        reach_ = AdminReach::unix_socket;
    } else {
        address_ = "http://" + listener_.local_address().to_string();
        reach_ = endpoint.is_local() ? AdminReach::loopback : AdminReach::network;
    }
    return {};
}

void AdminServer::stop() {
    listener_.stop();
    connections_.drain();
}

// --- Connections.

void AdminServer::on_accept(void* owner, int fd) {
    auto& server = *static_cast<AdminServer*>(owner);
    const int family = server.listener_.local_address().family();
    server.scope_.spawn(server.serve(
        net::TcpStream::adopt_accepted(server.control_.proactor(), fd, server.sockets_, family)));
}

uint32_t AdminServer::room(void* owner) {
    const uint32_t open = static_cast<AdminServer*>(owner)->open_;
    return open < kConnectionsMax ? kConnectionsMax - open : 0;
}

coro::Task<void> AdminServer::serve(net::StreamPtr stream) {
    ++open_;
    co_await http::ServerConnection::serve(connections_, std::move(stream));
    --open_;
    listener_.resume();
}

// --- Requests.

coro::Task<void> AdminServer::handle(http::ServerExchange& exchange) {
    if (is_dashboard_path(exchange.head().path)) {
        const bool has_token = !backend_.config().admin.token.empty();
        answer_dashboard(exchange, has_token || reach_ == AdminReach::network);
        co_return;
    }
    const AdminAnswer answer = co_await this->answer(exchange);
    if (exchange.is_client_gone()) {
        co_return;
    }
    http::HeadWriter writer = exchange.begin_response(answer.status);
    writer.field(http::HeaderId::content_type, answer.content_type);
    writer.field(http::HeaderId::cache_control, "no-store");
    writer.field("x-content-type-options", "nosniff");
    if (answer.status == 401) {
        writer.field(http::HeaderId::www_authenticate, "Bearer");
    } else if (answer.status == 405) {
        const AdminMatch match = find_admin_endpoint(exchange.head().method, exchange.head().path);
        writer.field(http::HeaderId::allow, match.allowed);
    }
    [[maybe_unused]] const Status sent =
        exchange.respond(writer, answer.status, Slice::copy_of(answer.body));
}

coro::Task<AdminAnswer> AdminServer::answer(http::ServerExchange& exchange) {
    const http::RequestHead& head = exchange.head();
    const Secret& token = backend_.config().admin.token;
    const std::optional<AdminRefusal> refusal = check_admin_access(head, reach_, token);
    // Health shows nothing and does nothing, and who asks for it often cannot hold a token.
    const bool is_excused = refusal && refusal->status == 401 && head.path == kHealthPath;
    if (refusal && !is_excused) {
        SLUICE_LOG(warning, "admin", "a request was refused", {"reason", refusal->code});
        co_return admin_error(refusal->status, refusal->code, refusal->message);
    }
    const AdminMatch match = find_admin_endpoint(head.method, head.path);
    if (match.endpoint == nullptr && match.allowed.empty()) {
        co_return admin_error(404, "not_found", "there is no such endpoint; see /openapi.json");
    }
    if (match.endpoint == nullptr) {
        co_return admin_error(405, "method_not_allowed", "expected " + match.allowed);
    }
    const std::expected<std::string, AdminAnswer> body = co_await read_body(exchange);
    if (!body) {
        co_return body.error();
    }
    AdminCall call{.backend = backend_,
                   .signal = exchange.signal(),
                   .client = &exchange.stream(),
                   .query = head.query,
                   .body = *body,
                   .parameters = match.parameters};
    AdminAnswer answer = co_await match.endpoint->handle(call);
    co_return answer;
}

coro::Task<std::expected<std::string, AdminAnswer>> AdminServer::read_body(
    http::ServerExchange& exchange) {
    if (exchange.framing().body.length_bytes > kBodyBytesMax) {
        co_return std::unexpected(too_large());
    }
    net::Deadline deadline(control_.proactor(), exchange.signal());
    deadline.set(kBodyTime);
    std::string body;
    while (!exchange.is_body_complete()) {
        http::BodyPiece piece;
        const Result<bool> got = exchange.next_body_piece(piece);
        if (!got || exchange.is_client_gone()) {
            co_return std::unexpected(
                admin_error(400, "malformed_body", "the body is not framed as HTTP wants it"));
        }
        if (*got) {
            body += piece.data.view();
            if (body.size() > kBodyBytesMax) {
                co_return std::unexpected(too_large());
            }
            continue;
        }
        if (deadline.has_passed()) {
            co_return std::unexpected(
                admin_error(408, "body_timeout", "the body took too long to arrive"));
        }
        if (!exchange.is_body_complete()) {
            co_await exchange.signal().wait();
        }
    }
    co_return body;
}

// The head was not understood, so that nothing of it is known but the error.
void AdminServer::refuse(http::ServerExchange& exchange, const Error& error) {
    const bool is_slow = error.kind == ErrorKind::head_timeout;
    const AdminAnswer answer =
        admin_error(is_slow ? 408 : 400, error_kind_name(error.kind), error.where);
    exchange.close_after();
    http::HeadWriter writer = exchange.begin_response(answer.status);
    writer.field(http::HeaderId::content_type, answer.content_type);
    [[maybe_unused]] const Status sent =
        exchange.respond(writer, answer.status, Slice::copy_of(answer.body));
}

}  // namespace sluice::server
