// Simulation: a gateway's shards, its pool and a fleet of engines on one virtual clock.
//
// The pool is the product's own (src/balance); all else here stands for what surrounds it: clients
// that send what a trace says, retries on another target, timeouts, faults. The gateway knows of
// the engines only what a gateway can know: first tokens, ends, errors, and what an answer says of
// its cached tokens. Deterministic: the same trace, options and seed give the same records.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "llm-fleet/event_queue.h"
#include "llm-fleet/gateway_pools.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/trace.h"
#include "llm-fleet/worker.h"

namespace sluice::llm_fleet {

class Simulation {
public:
    // `progress` is called with the rows done, now and then; it may be empty. Trace and options
    // outlive the simulation.
    Simulation(const Trace& trace, const RunOptions& options, std::function<void(size_t)> progress);

    // Once.
    Measures run();

private:
    enum class State : uint8_t { waiting, streaming, over };
    struct Attempt {
        balance::Charge charge;
        uint32_t request = 0;
        uint16_t worker = 0;
        State state = State::waiting;
        Instant first_token = {};
        uint32_t predicted_tokens = 0;
        uint32_t cached_tokens = 0;
    };
    struct Request {
        Instant arrival;
        uint32_t shard = 0;
        uint32_t prompt_estimate = 0;
        uint32_t retries_left = 0;
        uint32_t alive = 0;         // Attempts under way.
        uint32_t begun_by = kNone;  // The attempt whose tokens the client gets.
        bool is_over = false;
        bool is_queued = false;
        std::vector<uint16_t> tried;  // Workers.
        std::vector<uint32_t> attempts;
    };
    static constexpr uint32_t kNone = UINT32_MAX;

    void plan();
    void handle(const SimulatedEvent& event);
    void arrive(uint32_t row);
    // Chooses a worker and sends; queues or refuses when there is none.
    void dispatch(uint32_t request);
    Choice choose(uint32_t request, std::span<const uint16_t> tried);
    void send(uint32_t request, Choice choice, bool is_hedge);
    void go_without(uint32_t request, const Choice& choice);
    void end_wait(uint32_t request);
    void serve_queue();
    void hedge(uint32_t first);

    void run_worker(uint32_t worker);
    void wake(uint32_t worker);
    void begin_stream(const EngineEvent& event);
    void finish_stream(const EngineEvent& event);
    // It ends with an error that its target is to blame for.
    void fail(uint32_t attempt);
    void cancel(uint32_t attempt);
    void client_leaves(uint32_t request);
    void check_silence(uint32_t attempt);
    void release(uint32_t attempt, const balance::Outcome& outcome);
    void close(uint32_t request, RequestRecord::End end);

    void begin_fault(uint32_t fault);
    void end_fault(uint32_t fault);
    void drop_all_of(uint32_t worker);
    void take_sample();

    const TraceRow& row_of(uint32_t request) const { return trace_.rows[request]; }
    bool is_done() const { return over_ == requests_.size(); }

    const Trace& trace_;
    const RunOptions& options_;
    std::function<void(size_t)> progress_;
    Instant now_;
    EventQueue events_;
    std::vector<Worker> workers_;
    std::vector<uint64_t> wake_versions_;
    std::vector<Instant> wakes_at_;
    std::vector<uint64_t> tokens_in_flight_;
    GatewayPools pools_;
    std::vector<Prng> prngs_;  // One a shard.
    Prng world_;               // For what is no decision of the gateway.
    std::vector<Request> requests_;
    std::vector<Attempt> attempts_;
    std::vector<uint32_t> queue_;  // Requests that wait for a target, oldest first.
    std::vector<EngineEvent> engine_events_;
    size_t over_ = 0;
    Measures measures_;
};

}  // namespace sluice::llm_fleet
