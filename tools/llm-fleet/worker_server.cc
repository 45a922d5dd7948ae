// Which request gets which answer; metrics in vLLM's names.
#include "llm-fleet/worker_server.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "http/types.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/engine_call.h"
#include "llm-fleet/fault.h"
#include "llm-fleet/fleet_clock.h"
#include "llm-fleet/serve_options.h"
#include "llm-fleet/served_worker.h"
#include "llm-kit/answer.h"
#include "llm-kit/answer_cache.h"
#include "llm-kit/answer_server.h"
#include "llm-kit/fault.h"
#include "llm-kit/make_answer.h"
#include "llm-kit/model_call.h"
#include "llm-kit/player.h"
#include "llm-kit/wire_form.h"
#include "net/proactor.h"
#include "net/tls_context.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_fleet {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr uint16_t kOk = 200;
constexpr uint16_t kBadRequest = 400;
constexpr uint16_t kNotFound = 404;
constexpr uint16_t kInternalError = 500;
constexpr uint64_t kBodyBytesMax = uint64_t{64} * 1024 * 1024;
constexpr Duration kIdleTimeout = Duration::seconds(3600);
// Whoever orders a restart still gets an answer.
constexpr Duration kAnswerTime = Duration::milliseconds(20);
const llm_kit::FaultSpec kNoFault;

const net::TlsContext& no_tls() {
    static const net::TlsContext kNone;
    return kNone;
}

// Chat completions and completions of OpenAI's API.
bool find_call(const http::RequestHead& head, llm_kit::ModelCall& call) {
    using providers::SimulatedEndpoint;
    return head.method == http::Method::post && llm_kit::find_model_call(head.path, call) &&
           call.wire == llm_kit::Wire::openai &&
           (call.endpoint == SimulatedEndpoint::chat ||
            call.endpoint == SimulatedEndpoint::completions);
}

// Texts have no tokens to wait for.
class NoPacer final : public llm_kit::Pacer {
public:
    void step(providers::SimulatedPace /*pace*/) override {}
    Instant due() const override { return {}; }
    bool is_paced() const override { return false; }
};

}  // namespace

WorkerServer::WorkerServer(net::Proactor& proactor,
                           const ServeOptions& options,
                           const FleetClock& clock,
                           uint32_t index,
                           const FleetCounters& fleet)
    : AnswerServer(proactor, llm_kit::patient_connections(kIdleTimeout), no_tls(), *fleet[index]),
      options_(options),
      index_(index),
      fleet_(fleet),
      counters_(*fleet[index]),
      play_{.proactor = proactor, .counters = counters_},
      worker_(proactor, clock, options.engine, counters_, *this) {}

Status WorkerServer::start() {
    const uint32_t port = options_.port_base == 0 ? 0 : options_.port_base + index_;
    TRY_VOID(listen(options_.host, static_cast<uint16_t>(port)));
    std::vector<Fault> faults;
    for (const Fault& fault : options_.faults) {
        if (fault.worker == index_) {
            faults.push_back(fault);
        }
    }
    worker_.set_faults(faults, worker_.now());
    scope().spawn(worker_.run());
    return {};
}

void WorkerServer::stop() {
    worker_.stop();
    AnswerServer::stop();
}

bool WorkerServer::open_door() {
    return can_listen() && listen(options_.host, port()).has_value();
}

coro::Task<void> WorkerServer::handle(http::ServerExchange& exchange) {
    const http::RequestHead& head = exchange.head();
    llm_kit::RequestBody body;
    llm_kit::ModelCall call;
    const bool is_call = find_call(head, call);
    if (is_call) {
        counters_.requests.add();
        counters_.in_flight.add();
    }
    const bool is_whole = co_await read_body(exchange, kBodyBytesMax, body);
    if (is_whole && is_call) {
        co_await answer_call(exchange, call, body);
    } else if (is_whole && head.path.starts_with("/mock/")) {
        co_await answer_control(exchange, body.text);
    } else if (is_whole) {
        co_await answer_other(exchange);
    }
    if (is_call) {
        counters_.in_flight.subtract();
    }
}

coro::Task<void> WorkerServer::answer_call(http::ServerExchange& exchange,
                                           const llm_kit::ModelCall& call,
                                           const llm_kit::RequestBody& body) {
    const llm_kit::FaultSpec* const wrong = worker_.answer_fault();
    // A copy: it may end while the answer goes on.
    const llm_kit::FaultSpec fault = wrong == nullptr ? kNoFault : *wrong;
    if (wrong != nullptr || !worker_.takes_calls()) {
        counters_.faults.add();
    }
    if (!worker_.takes_calls()) {
        co_await answer_error(exchange, kInternalError, "the engine is dead", kNoFault);
    } else if (fault.status != 0) {
        co_await answer_error(exchange, fault.status, "this error was asked for", fault);
    } else {
        co_await answer_on_engine(exchange, call, body, fault);
    }
}

coro::Task<void> WorkerServer::answer_on_engine(http::ServerExchange& exchange,
                                                const llm_kit::ModelCall& call,
                                                const llm_kit::RequestBody& body,
                                                const llm_kit::FaultSpec& fault) {
    Result<EngineWork> work = read_engine_work(call, body.text, options_.tokens);
    if (!work) {
        co_await answer_error(exchange, kBadRequest, work.error().where, kNoFault);
        co_return;
    }
    EngineCall engine_call(worker_, exchange.signal());
    llm_kit::Player player(play_, exchange, engine_call, fault);
    engine_call.submit(std::move(*work));
    const bool has_token = co_await player.wait_for_first_token();
    if (!has_token) {
        co_return;
    }
    if (engine_call.is_refused()) {
        co_await answer_error(exchange, kBadRequest, "the prompt is longer than the memory",
                              kNoFault);
        co_return;
    }
    llm_kit::AnswerOptions answer_options;
    answer_options.tokens = options_.tokens;
    answer_options.cached_tokens = engine_call.cached_tokens();
    answer_options.reads_all = true;
    const Result<llm_kit::Answer> answer =
        llm_kit::make_answer(call, body.text, body.bytes, answer_options);
    if (!answer) {
        co_await answer_error(exchange, kBadRequest, answer.error().where, kNoFault);
        co_return;
    }
    const llm_kit::PreparedAnswer prepared = llm_kit::prepare_answer(*answer);
    co_await player.play_begun(prepared);
}

coro::Task<void> WorkerServer::answer_text(http::ServerExchange& exchange,
                                           uint16_t status,
                                           std::string_view content_type,
                                           std::string text) {
    NoPacer pacer;
    llm_kit::Player player(play_, exchange, pacer, kNoFault);
    co_await player.play_text(status, content_type, Slice::copy_of(text));
}

coro::Task<void> WorkerServer::answer_error(http::ServerExchange& exchange,
                                            uint16_t status,
                                            std::string_view message,
                                            const llm_kit::FaultSpec& fault) {
    NoPacer pacer;
    llm_kit::Player player(play_, exchange, pacer, fault);
    const std::string json = llm_kit::kOpenAiForm.error_body(status, message);
    co_await player.play_text(status, kJson, Slice::copy_of(json));
}

coro::Task<void> WorkerServer::answer_other(http::ServerExchange& exchange) {
    const std::string_view path = exchange.head().path;
    std::string text;
    counters_.questions.add();
    if (path == "/v1/models") {
        providers::append_simulated_models(text, options_.models, llm_kit::kCreatedS);
        co_await answer_text(exchange, kOk, kJson, std::move(text));
    } else if (path == "/health" || path == "/healthz") {
        co_await answer_text(exchange, kOk, "text/plain", std::move(text));
    } else if (path == "/metrics") {
        text = metrics_text();
        co_await answer_text(exchange, kOk, kMetricsType, std::move(text));
    } else {
        co_await answer_error(exchange, kNotFound, "no such path", kNoFault);
    }
}

coro::Task<void> WorkerServer::answer_control(http::ServerExchange& exchange,
                                              std::string_view body) {
    const std::string_view path = exchange.head().path;
    std::string text = "{}\n";
    std::string wrong;
    if (path == "/mock/fault") {
        wrong = set_fault(body);
    } else if (path == "/mock/stats") {
        text = stats_json();
    } else if (path == "/mock/fleet") {
        text = fleet_json();
    } else {
        co_await answer_error(exchange, kNotFound, "no such path", kNoFault);
        co_return;
    }
    if (!wrong.empty()) {
        co_await answer_error(exchange, kBadRequest, wrong, kNoFault);
        co_return;
    }
    co_await answer_text(exchange, kOk, kJson, std::move(text));
}

// Several are separated by '|'. They replace those that there are.
std::string WorkerServer::set_fault(std::string_view text) {
    std::vector<Fault> faults;
    while (!text.empty()) {
        const std::string_view one = text.substr(0, text.find('|'));
        text.remove_prefix(std::min(text.size(), one.size() + 1));
        Fault fault;
        if (std::string wrong = read_fault(one, fault, FaultUse::served_worker); !wrong.empty()) {
            return wrong;
        }
        faults.push_back(fault);
    }
    const bool restarts = std::ranges::any_of(
        faults, [](const Fault& fault) { return fault.kind == FaultKind::restart; });
    worker_.set_faults(faults, restarts ? worker_.in_real_time(kAnswerTime) : worker_.now());
    return {};
}

std::string WorkerServer::metrics_text() const {
    const EngineLoad load = worker_.load();
    std::string text;
    const auto add = [&](std::string_view type, std::string_view name, double value) {
        text +=
            fmt::format("# TYPE vllm:{0} {1}\nvllm:{0}{{engine=\"0\",model_name=\"{2}\"}} {3}\n",
                        name, type, options_.models.front(), value);
    };
    const auto count = [](const llm_kit::Count& c) { return static_cast<double>(c.get()); };
    add("gauge", "num_requests_running", load.running);
    add("gauge", "num_requests_waiting", load.waiting);
    add("gauge", "kv_cache_usage_perc", worker_.kv_share());
    add("counter", "prefix_cache_queries_total", count(counters_.prompt_tokens));
    add("counter", "prefix_cache_hits_total", count(counters_.cached_tokens));
    add("counter", "prompt_tokens_total", count(counters_.prompt_tokens));
    add("counter", "generation_tokens_total", count(counters_.answer_tokens));
    add("counter", "num_preemptions_total", static_cast<double>(load.preemptions));
    return text;
}

std::string WorkerServer::stats_json() const {
    const EngineLoad load = worker_.load();
    return fmt::format(
        "{{\"worker\": {}, \"connections\": {}, \"open_connections\": {}, \"requests\": {}, "
        "\"in_flight\": {}, \"aborted\": {}, \"faults\": {}, \"prompt_tokens\": {}, "
        "\"cached_tokens\": {}, \"answer_tokens\": {}, \"running\": {}, \"waiting\": {}, "
        "\"kv_tokens\": {}, \"preemptions\": {}, \"restarts\": {}, \"questions\": {}, "
        "\"faults_in_force\": \"{}\"}}\n",
        index_, counters_.connections.get(), counters_.open_connections.get(),
        counters_.requests.get(), counters_.in_flight.get(), counters_.aborted.get(),
        counters_.faults.get(), counters_.prompt_tokens.get(), counters_.cached_tokens.get(),
        counters_.answer_tokens.get(), load.running, load.waiting, load.kv_tokens, load.preemptions,
        counters_.restarts.get(), counters_.questions.get(), worker_.faults_in_force());
}

// Sums over all workers.
std::string WorkerServer::fleet_json() const {
    const auto sum = [&](auto member) {
        uint64_t all = 0;
        for (const auto& worker : fleet_) {
            all += ((*worker).*member).get();
        }
        return all;
    };
    return fmt::format(
        "{{\"workers\": {}, \"requests\": {}, \"in_flight\": {}, \"aborted\": {}, \"faults\": {}, "
        "\"questions\": {}, \"prompt_tokens\": {}, \"cached_tokens\": {}, \"answer_tokens\": "
        "{}}}\n",
        fleet_.size(), sum(&WorkerCounters::requests), sum(&WorkerCounters::in_flight),
        sum(&WorkerCounters::aborted), sum(&WorkerCounters::faults),
        sum(&WorkerCounters::questions), sum(&WorkerCounters::prompt_tokens),
        sum(&WorkerCounters::cached_tokens), sum(&WorkerCounters::answer_tokens));
}

}  // namespace sluice::llm_fleet
