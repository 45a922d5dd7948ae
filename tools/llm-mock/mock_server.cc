// Accepting, reading requests, choosing what to answer.
#include "llm-mock/mock_server.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/text.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/options.h"
#include "http/server_connection.h"
#include "http/server_exchange.h"
#include "http/types.h"
#include "llm-kit/make_answer.h"
#include "llm-kit/model_call.h"
#include "llm-kit/wire_form.h"
#include "llm-mock/answer_cache.h"
#include "llm-mock/control.h"
#include "llm-mock/echo.h"
#include "llm-mock/fault.h"
#include "llm-mock/options.h"
#include "llm-mock/player.h"
#include "llm-mock/request_plan.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "net/options.h"
#include "net/shard.h"
#include "net/tcp_stream.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_mock {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain";
constexpr int64_t kModelsCreatedS = 1'735'689'600;
constexpr uint16_t kOk = 200;
constexpr uint16_t kBadRequest = 400;
constexpr uint16_t kNotFound = 404;
constexpr uint16_t kMethodNotAllowed = 405;
constexpr Duration kHandshakeTime = Duration::seconds(10);
// What /mock/bytes/N gives at most.
constexpr uint64_t kBytesMax = uint64_t{256} * 1024 * 1024;
// A whole request that is to be echoed or recorded.
constexpr uint64_t kWholeBodyBytesMax = uint64_t{256} * 1024 * 1024;

// As few system calls for each connection as possible; the kernel's buffer sizes do.
constexpr net::SocketOptions kSocketOptions = {.receive_buffer_bytes = 0, .keep_alive_probe_s = 0};

http::ServerConnectionOptions connection_options_of(const MockOptions& options) {
    http::ServerConnectionOptions connection;
    connection.keep_alive_timeout_ms = static_cast<uint32_t>(options.idle_timeout.ms());
    connection.requests_per_connection_max = options.requests_per_connection_max;
    connection.limits.head_bytes_max = 256 * 1024;
    connection.limits.field_bytes_max = 128 * 1024;
    return connection;
}

}  // namespace

// One request while it is being answered; in the frame of handle().
struct MockServer::Request {
    Request(const ShardContext& shard, http::ServerExchange& exchange_in)
        : exchange(exchange_in),
          is_model_call(llm_kit::find_model_call(exchange_in.head().path, call)),
          player(shard, exchange_in, plan.pace, fault) {}

    http::ServerExchange& exchange;
    RequestPlan plan;
    FaultSpec fault;
    std::string body;  // Its first part, or all of it where it is shown to somebody.
    uint64_t body_bytes = 0;
    llm_kit::ModelCall call;
    bool is_model_call = false;
    Player player;
};

MockServer::MockServer(net::Shard& shard,
                       const MockOptions& options,
                       Control& control,
                       const net::TlsContext& tls)
    : tls_(tls),
      context_{shard.proactor(), options, control, control.counters(shard.index()), shard.prng()},
      connection_options_(connection_options_of(options)),
      connections_(*this),
      listener_(shard.proactor(), {.on_new = &on_accept}, this),
      scope_(shard.proactor().ready()) {}

MockServer::~MockServer() = default;

Status MockServer::start() {
    const std::optional<net::Address> address =
        net::Address::parse(context_.options.host, context_.options.port);
    if (!address) {
        return fail({.kind = ErrorKind::invalid_field, .where = "--host must be an address"});
    }
    return listener_.start(*address, kSocketOptions);
}

void MockServer::stop() {
    listener_.stop();
    connections_.drain();
    connections_.abort_all();
}

bool MockServer::is_over() const {
    return listener_.is_idle() && scope_.running() == 0 && context_.proactor.objects() == 0;
}

// --- Connections.

void MockServer::on_accept(void* owner, int fd) {
    auto& server = *static_cast<MockServer*>(owner);
    net::StreamPtr stream =
        net::TcpStream::adopt(server.context_.proactor, fd, kSocketOptions, ErrorSource::client);
    server.scope_.spawn(server.serve(std::move(stream)));
}

coro::Task<bool> MockServer::shake_hands(net::TlsStream& stream) {
    coro::Signal signal(context_.proactor.ready());
    net::Deadline deadline(context_.proactor, signal);
    deadline.set(kHandshakeTime);
    stream.set_signal(&signal);
    while (!stream.handshake_done() && !stream.failed() && !deadline.has_passed() &&
           !connections_.is_draining()) {
        co_await signal.wait();
    }
    stream.set_signal(nullptr);
    co_return stream.handshake_done() && !stream.failed();
}

coro::Task<void> MockServer::serve(net::StreamPtr stream) {
    context_.counters.connections.add();
    context_.counters.open_connections.add();
    bool is_ready = true;
    if (tls_) {
        net::TlsStream::Ptr secured = net::TlsStream::accept(std::move(stream), tls_, tls_blocks_);
        is_ready = co_await shake_hands(*secured);
        stream.reset(secured.release());
    }
    if (is_ready) {
        co_await http::ServerConnection::serve(connections_, std::move(stream));
    }
    context_.counters.open_connections.subtract();
}

void MockServer::refuse(http::ServerExchange& exchange, const Error& error) {
    context_.counters.refused.add();
    http::HeadWriter writer = exchange.begin_response(kBadRequest);
    writer.field(http::HeaderId::content_type, kJson);
    exchange.close_after();
    if (!exchange.respond(
            writer, kBadRequest,
            Slice::copy_of(llm_kit::kOpenAiForm.error_body(kBadRequest, error.where)))) {
        exchange.abort_response();
    }
}

// --- Requests.

coro::Task<void> MockServer::handle(http::ServerExchange& exchange) {
    Request request(context_, exchange);
    if (exchange.head().path.starts_with("/mock/")) {
        const bool is_whole = co_await read_body(request);
        if (is_whole) {
            co_await answer_control(request);
        }
        co_return;
    }
    context_.counters.requests.add();
    context_.counters.in_flight.add();
    std::string wrong;
    const bool is_good =
        make_plan(context_.options, exchange.head().headers, request.plan, wrong) &&
        choose_fault(request, wrong);
    const bool is_whole = co_await read_body(request);
    if (is_whole && is_good) {
        co_await answer(request);
    } else if (is_whole) {
        co_await answer_error(request, kBadRequest, wrong);
    }
    context_.counters.in_flight.subtract();
    if (context_.control.keeps_requests()) {
        record(request);
    }
}

// False when the client left or broke its own framing.
coro::Task<bool> MockServer::read_body(Request& request) {
    http::ServerExchange& exchange = request.exchange;
    const bool is_shown = request.plan.is_echo || context_.control.keeps_requests() ||
                          exchange.head().path.starts_with("/mock/");
    const uint64_t kept_max = is_shown ? kWholeBodyBytesMax : llm_kit::kInspectedBytesMax;
    request.body.reserve(std::min(kept_max, exchange.body_bytes_left().value_or(0)));
    while (true) {
        http::BodyPiece piece;
        const Result<bool> has_piece = exchange.next_body_piece(piece);
        if (!has_piece) {
            context_.counters.aborted.add();
            exchange.abort_response();
            co_return false;
        }
        if (*has_piece) {
            request.body_bytes += piece.data.size();
            context_.counters.request_body_bytes.add(piece.data.size());
            const uint64_t room = kept_max - std::min<uint64_t>(kept_max, request.body.size());
            request.body += piece.data.view().substr(0, room);
            continue;
        }
        if (exchange.is_body_complete()) {
            co_return true;
        }
        co_await exchange.signal().wait();
    }
}

bool MockServer::choose_fault(Request& request, std::string& wrong) {
    Control& control = context_.control;
    if (!request.plan.fault_script.empty()) {
        const std::optional<FaultScript> script =
            parse_fault_script(request.plan.fault_script, wrong);
        if (!script) {
            return false;
        }
        request.fault = request.plan.key.empty()
                            ? script->front()
                            : control.next_of_script(request.plan.key, *script);
        context_.counters.faults.add();
        return true;
    }
    if (fault_generation_ != control.fault_generation()) {
        fault_generation_ = control.fault_generation();
        fault_ = control.fault();
    }
    if (context_.prng.chance(context_.options.fault_fraction)) {
        request.fault = fault_;
    }
    return true;
}

coro::Task<void> MockServer::answer(Request& request) {
    const http::RequestHead& head = request.exchange.head();
    if (request.fault.status != 0) {
        co_await answer_error(request, request.fault.status, "this error was asked for");
    } else if (request.plan.is_echo) {
        co_await answer_text(request, kOk, kJson,
                             echo_json(head, request.body, request.body_bytes));
    } else if (head.path == "/healthz") {
        co_await answer_text(request, kOk, kText, "ok\n");
    } else if (request.is_model_call) {
        if (head.method == http::Method::post) {
            co_await answer_model_call(request);
        } else {
            co_await answer_error(request, kMethodNotAllowed, "use POST");
        }
    } else if (head.path.starts_with("/v1/models")) {
        const std::string models = models_json(head.path);
        if (models.empty()) {
            co_await answer_error(request, kNotFound, "no such model");
        } else {
            co_await answer_text(request, kOk, kJson, models);
        }
    } else {
        co_await answer_error(request, kNotFound, "no such path");
    }
}

coro::Task<void> MockServer::answer_model_call(Request& request) {
    const bool is_list = request.call.wire == llm_kit::Wire::gemini && request.call.is_stream &&
                         request.exchange.head().query.find("alt=sse") == std::string_view::npos;
    if (is_list) {
        co_await answer_error(request, kBadRequest, "only alt=sse is streamed");
        co_return;
    }
    const Result<std::shared_ptr<const PreparedAnswer>> answer =
        answers_.find_or_make(request.call, request.body, request.body_bytes, request.plan.answer);
    if (!answer) {
        co_await answer_error(request, kBadRequest, answer.error().where);
        co_return;
    }
    co_await request.player.play(**answer);
}

coro::Task<void> MockServer::answer_text(Request& request,
                                         uint16_t status,
                                         std::string_view content_type,
                                         std::string_view text) {
    co_await request.player.play_text(status, content_type, Slice::copy_of(text));
}

coro::Task<void> MockServer::answer_error(Request& request,
                                          uint16_t status,
                                          std::string_view message) {
    const llm_kit::WireForm& form = llm_kit::form_of(request.call.wire);
    if (form.error_type != nullptr) {
        request.player.set_error_type(form.error_type(status));
    }
    const std::string json = form.error_body(status, message);
    co_await answer_text(request, status, kJson, json);
}

coro::Task<void> MockServer::answer_control(Request& request) {
    const http::RequestHead& head = request.exchange.head();
    Control& control = context_.control;
    std::string wrong;
    std::string text = "{}\n";
    if (head.path == "/mock/echo") {
        text = echo_json(head, request.body, request.body_bytes);
    } else if (head.path == "/mock/stats") {
        text = control.stats_json(context_.proactor.ring().now());
    } else if (head.path == "/mock/requests") {
        text = control.requests_json();
    } else if (head.path == "/mock/reset") {
        control.reset();
    } else if (head.path == "/mock/fault") {
        control.set_fault(request.body, wrong);
    } else if (head.path.starts_with("/mock/bytes/")) {
        const auto count = parse_decimal(head.path.substr(std::string_view("/mock/bytes/").size()));
        if (count && *count <= kBytesMax) {
            text.assign(*count, 'x');
        } else {
            wrong = "a count of bytes, at most 256 MiB";
        }
    } else {
        co_await answer_error(request, kNotFound, "no such path");
        co_return;
    }
    if (!wrong.empty()) {
        co_await answer_error(request, kBadRequest, wrong);
        co_return;
    }
    co_await answer_text(request, kOk, kJson, text);
}

// The list, or one model; empty when there is no such model.
std::string MockServer::models_json(std::string_view path) const {
    const auto& models = context_.options.models;
    std::string json;
    if (path == "/v1/models") {
        providers::append_simulated_models(json, models, kModelsCreatedS);
        return json;
    }
    const std::string_view name = path.substr(std::string_view("/v1/models/").size());
    if (std::find(models.begin(), models.end(), name) != models.end()) {
        providers::append_simulated_model(json, name, kModelsCreatedS);
    }
    return json;
}

void MockServer::record(const Request& request) {
    const Player& player = request.player;
    std::string json = echo_json(request.exchange.head(), request.body, request.body_bytes);
    json.resize(json.find_last_of('}'));
    json += fmt::format(
        ", \"began_monotonic_ns\": {}, \"head_sent_monotonic_ns\": {}, "
        "\"ended_monotonic_ns\": {}, \"events_sent\": {}, \"aborted\": {}}}",
        request.exchange.started_at().ns(), player.head_sent_at().ns(),
        context_.proactor.ring().now().ns(), player.events_sent(), player.was_aborted());
    context_.control.note_request(std::move(json));
}

}  // namespace sluice::llm_mock
