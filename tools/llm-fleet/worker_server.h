// WorkerServer: speaks OpenAI's dialect for one worker of a served fleet, on a port of its own.
//
// Answers are those of llm-mock for the same request, at the pace of the worker's engine. Made, run
// and destroyed on its shard's thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "coro/task.h"
#include "http/server_exchange.h"
#include "llm-fleet/fleet_clock.h"
#include "llm-fleet/serve_options.h"
#include "llm-fleet/served_worker.h"
#include "llm-kit/answer_server.h"
#include "llm-kit/fault.h"
#include "llm-kit/model_call.h"
#include "llm-kit/player.h"
#include "net/proactor.h"

namespace sluice::llm_fleet {

class WorkerServer final : public llm_kit::AnswerServer, public WorkerDoor {
public:
    WorkerServer(net::Proactor& proactor,
                 const ServeOptions& options,
                 const FleetClock& clock,
                 uint32_t index,
                 const FleetCounters& fleet);

    Status start();
    void stop();

    coro::Task<void> handle(http::ServerExchange& exchange) override;

private:
    void close_door() override { go_down(); }
    bool open_door() override;

    coro::Task<void> answer_call(http::ServerExchange& exchange,
                                 const llm_kit::ModelCall& call,
                                 const llm_kit::RequestBody& body);
    coro::Task<void> answer_on_engine(http::ServerExchange& exchange,
                                      const llm_kit::ModelCall& call,
                                      const llm_kit::RequestBody& body,
                                      const llm_kit::FaultSpec& fault);
    // A text that no fault concerns.
    coro::Task<void> answer_text(http::ServerExchange& exchange,
                                 uint16_t status,
                                 std::string_view content_type,
                                 std::string text);
    coro::Task<void> answer_error(http::ServerExchange& exchange,
                                  uint16_t status,
                                  std::string_view message,
                                  const llm_kit::FaultSpec& fault);
    coro::Task<void> answer_other(http::ServerExchange& exchange);
    coro::Task<void> answer_control(http::ServerExchange& exchange, std::string_view body);
    std::string set_fault(std::string_view text);
    std::string metrics_text() const;
    std::string stats_json() const;
    std::string fleet_json() const;

    const ServeOptions& options_;
    const uint32_t index_;
    const FleetCounters& fleet_;
    WorkerCounters& counters_;
    const llm_kit::PlayContext play_;
    ServedWorker worker_;
};

}  // namespace sluice::llm_fleet
