// Exchange: one request through the gateway, from its parsed head to its log line.
//
// One coroutine, cut by verb: receive the request (request_intake), choose a route, dispatch it to
// an upstream (dispatch), relay the response (relay), or simulate one (simulate), and finish. All
// of it waits on one signal, the client connection's; so "the client left", a deadline and the
// upstream's bytes wake it alike, in every phase. Lives in the frame of its handler; one shard.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/local_ptr.h"
#include "base/prng.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/body_writer.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/server_exchange.h"
#include "json/document.h"
#include "net/deadline.h"
#include "net/proactor.h"
#include "pipeline/exchange_record.h"
#include "pipeline/route_table.h"
#include "pipeline/snapshot.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::providers {
class SimulatedAnswer;
}

namespace sluice::pipeline {

class Relay;
class RequestIntake;

// What all exchanges of a shard share.
struct Services {
    net::Proactor& proactor;
    Prng& prng;
    Telemetry& telemetry;
    json::Document document;                      // Scratch for small JSON texts.
    std::vector<http::HeaderField> head_scratch;  // Scratch for response heads.
};

class Exchange final : public upstream::Patience {
public:
    Exchange(Services& services, LocalPtr<Snapshot> snapshot, http::ServerExchange& client);
    ~Exchange();

    // Runs it to its end. Afterwards the response is finished or aborted.
    coro::Task<void> run();

    // --- Patience.
    coro::Signal& signal() override { return client_.signal(); }
    std::optional<Error> reason_to_stop() override;

private:
    // exchange.cc
    coro::Task<Status> serve();
    Status begin();
    Status choose_route(const PathRoutes& path);
    void rename_model(std::string_view model);
    void respond_with_error(const Error& error);
    void write_own_fields(http::HeadWriter& writer);
    void write_server_timing(http::HeadWriter& writer);
    void finish(const Error& error);
    void look_at_half_closed_client();
    // request_intake.cc
    coro::Task<Status> receive_request(const PathRoutes& path);
    // dispatch.cc
    coro::Task<Status> dispatch();
    coro::Task<Status> attempt(bool fresh);
    coro::Task<Status> await_response_head();
    Status send_request_head();
    Status pump_request_body();
    bool may_send_again(const Error& error) const;
    // respond.cc
    coro::Task<Status> relay();
    Status send_response_head();
    // simulate.cc
    coro::Task<Status> simulate();
    coro::Task<Status> simulate_stream(providers::SimulatedAnswer& answer);
    coro::Task<Status> think(Duration time);
    Status answer_with_models(int64_t now_s);
    Status answer_with_json(uint16_t status, std::string_view text);

    Instant clock() const { return services_.proactor.ring().now(); }

    // Waits for anything to happen, and keeps account of the time that was not ours.
    struct Pause {
        Exchange& exchange;
        Instant began;
        bool await_ready() { return exchange.signal().await_ready(); }
        void await_suspend(std::coroutine_handle<> waiter) {
            began = exchange.clock();
            exchange.signal().await_suspend(waiter);
        }
        void await_resume() {
            if (began.is_set()) {
                // What came between the start of the turn and now is our own doing.
                const Instant woken = exchange.services_.proactor.now();
                exchange.waited_ = exchange.waited_ + std::max(woken - began, Duration());
            }
        }
    };
    Pause pause() { return {*this, {}}; }

    // What every event of a stream touches comes first.
    http::ServerExchange& client_;
    net::Deadline total_;       // Of the whole exchange, by the upstream's total timeout.
    net::Deadline next_probe_;  // Of a client that ended its direction.
    Relay* relay_ = nullptr;    // While one runs, for probing the client.
    bool half_closed_ = false;
    bool asked_at_end_ = false;  // Once its connection had ended, not only its TLS session.
    bool wants_stream_ = false;
    bool request_sent_whole_ = false;
    Services& services_;
    const LocalPtr<Snapshot> snapshot_;
    const Route* route_ = nullptr;
    std::unique_ptr<RequestIntake> intake_;  // Until the request is sent.
    upstream::Lease lease_;
    ExchangeRecord record_;
    std::string_view origin_;  // Of the page that asks, for CORS; in the arena.
    Duration waited_;          // Up to the response head.
    http::BodyWriter request_writer_;
};

}  // namespace sluice::pipeline
