// Reading requests, choosing what to answer.
#include "llm-mock/mock_server.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/result.h"
#include "base/slice.h"
#include "base/text.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/options.h"
#include "http/server_exchange.h"
#include "http/types.h"
#include "llm-kit/answer_cache.h"
#include "llm-kit/answer_server.h"
#include "llm-kit/fault.h"
#include "llm-kit/make_answer.h"
#include "llm-kit/model_call.h"
#include "llm-kit/pacer.h"
#include "llm-kit/player.h"
#include "llm-kit/wire_form.h"
#include "llm-mock/control.h"
#include "llm-mock/echo.h"
#include "llm-mock/options.h"
#include "llm-mock/request_plan.h"
#include "net/shard.h"
#include "net/tls_context.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_mock {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain";
constexpr uint16_t kOk = 200;
constexpr uint16_t kBadRequest = 400;
constexpr uint16_t kNotFound = 404;
constexpr uint16_t kMethodNotAllowed = 405;
// What /mock/bytes/N gives at most.
constexpr uint64_t kBytesMax = uint64_t{256} * 1024 * 1024;
// A whole request that is to be echoed or recorded.
constexpr uint64_t kWholeBodyBytesMax = uint64_t{256} * 1024 * 1024;

http::ServerConnectionOptions connection_options_of(const MockOptions& options) {
    http::ServerConnectionOptions connection = llm_kit::patient_connections(options.idle_timeout);
    connection.requests_per_connection_max = options.requests_per_connection_max;
    return connection;
}

}  // namespace

// One request while it is being answered; in the frame of handle().
struct MockServer::Request {
    Request(const ShardContext& shard, http::ServerExchange& exchange_in)
        : exchange(exchange_in),
          is_model_call(llm_kit::find_model_call(exchange_in.head().path, call)),
          pacer(plan.pace, shard.prng, shard.play.proactor.now()),
          player(shard.play, exchange_in, pacer, fault) {}

    http::ServerExchange& exchange;
    RequestPlan plan;
    llm_kit::FaultSpec fault;
    llm_kit::RequestBody body;  // All of it where it is shown to somebody.
    llm_kit::ModelCall call;
    bool is_model_call = false;
    llm_kit::DrawnPacer pacer;
    llm_kit::Player player;
};

MockServer::MockServer(net::Shard& shard,
                       const MockOptions& options,
                       Control& control,
                       const net::TlsContext& tls)
    : AnswerServer(
          shard.proactor(), connection_options_of(options), tls, control.counters(shard.index())),
      context_{{.proactor = shard.proactor(),
                .counters = control.counters(shard.index()),
                .aborts = &control,
                .tolerates_half_close = options.tolerates_half_close},
               options,
               control,
               shard.prng()} {}

std::string MockServer::start(std::vector<uint16_t>& ports) {
    const Status started = listen(context_.options.host, context_.options.port);
    ports.push_back(port());
    return started ? "" : fmt::format("cannot listen: {}", started.error().where);
}

// --- Requests.

coro::Task<void> MockServer::handle(http::ServerExchange& exchange) {
    Request request(context_, exchange);
    if (exchange.head().path.starts_with("/mock/")) {
        const bool is_whole = co_await read_request(request);
        if (is_whole) {
            co_await answer_control(request);
        }
        co_return;
    }
    context_.play.counters.requests.add();
    context_.play.counters.in_flight.add();
    std::string wrong;
    const bool is_good =
        make_plan(context_.options, exchange.head().headers, request.plan, wrong) &&
        choose_fault(request, wrong);
    const bool is_whole = co_await read_request(request);
    if (is_whole && is_good) {
        co_await answer(request);
    } else if (is_whole) {
        co_await answer_error(request, kBadRequest, wrong);
    }
    context_.play.counters.in_flight.subtract();
    if (context_.control.keeps_requests()) {
        record(request);
    }
}

coro::Task<bool> MockServer::read_request(Request& request) {
    const bool is_shown = request.plan.is_echo || context_.control.keeps_requests() ||
                          request.exchange.head().path.starts_with("/mock/");
    const uint64_t kept_max = is_shown ? kWholeBodyBytesMax : llm_kit::kInspectedBytesMax;
    const bool is_whole = co_await read_body(request.exchange, kept_max, request.body);
    co_return is_whole;
}

bool MockServer::choose_fault(Request& request, std::string& wrong) {
    Control& control = context_.control;
    if (!request.plan.fault_script.empty()) {
        const std::optional<llm_kit::FaultScript> script =
            llm_kit::parse_fault_script(request.plan.fault_script, wrong);
        if (!script) {
            return false;
        }
        request.fault = request.plan.key.empty()
                            ? script->front()
                            : control.next_of_script(request.plan.key, *script);
        context_.play.counters.faults.add();
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
                             echo_json(head, request.body.text, request.body.bytes));
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
    const Result<std::shared_ptr<const llm_kit::PreparedAnswer>> answer = answers_.find_or_make(
        request.call, request.body.text, request.body.bytes, request.plan.answer);
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
        text = echo_json(head, request.body.text, request.body.bytes);
    } else if (head.path == "/mock/stats") {
        text = control.stats_json(proactor().ring().now());
    } else if (head.path == "/mock/requests") {
        text = control.requests_json();
    } else if (head.path == "/mock/reset") {
        control.reset();
    } else if (head.path == "/mock/fault") {
        control.set_fault(request.body.text, wrong);
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
        providers::append_simulated_models(json, models, llm_kit::kCreatedS);
        return json;
    }
    const std::string_view name = path.substr(std::string_view("/v1/models/").size());
    if (std::find(models.begin(), models.end(), name) != models.end()) {
        providers::append_simulated_model(json, name, llm_kit::kCreatedS);
    }
    return json;
}

void MockServer::record(const Request& request) {
    const llm_kit::Player& player = request.player;
    std::string json = echo_json(request.exchange.head(), request.body.text, request.body.bytes);
    json.resize(json.find_last_of('}'));
    json += fmt::format(
        ", \"began_monotonic_ns\": {}, \"head_sent_monotonic_ns\": {}, "
        "\"ended_monotonic_ns\": {}, \"events_sent\": {}, \"aborted\": {}}}",
        request.exchange.started_at().ns(), player.head_sent_at().ns(),
        proactor().ring().now().ns(), player.events_sent(), player.was_aborted());
    context_.control.note_request(std::move(json));
}

}  // namespace sluice::llm_mock
