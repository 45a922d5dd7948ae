// ServedWorker: an engine that keeps time with a clock, and what is wrong with it now.
//
// A coroutine of its own sleeps until the engine has something to say or a fault begins or ends,
// and wakes the calls that this concerns. Knows no HTTP: whoever speaks for it looks at its faults.
// One shard.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/engine_call.h"
#include "llm-fleet/fault.h"
#include "llm-fleet/fleet_clock.h"
#include "llm-fleet/worker.h"
#include "llm-kit/counters.h"
#include "llm-kit/fault.h"
#include "net/proactor.h"

namespace sluice::llm_fleet {

// Written by its shard, read by whoever asks.
struct WorkerCounters : llm_kit::Counters {
    llm_kit::Count prompt_tokens;  // Of calls that have got their first token.
    llm_kit::Count cached_tokens;  // Of these.
    llm_kit::Count answer_tokens;
    llm_kit::Count questions;  // How it is, which models it has, and for its metrics.
    llm_kit::Count restarts;
    llm_kit::Count waiting;
    llm_kit::Count running;
};

using FleetCounters = std::vector<std::unique_ptr<WorkerCounters>>;

// Where clients find a worker.
class WorkerDoor {
public:
    // Refuses connections and ends those that there are.
    virtual void close_door() = 0;
    // False when that is not possible yet.
    virtual bool open_door() = 0;

protected:
    ~WorkerDoor() = default;
};

class ServedWorker {
public:
    ServedWorker(net::Proactor& proactor,
                 const FleetClock& clock,
                 const EngineOptions& options,
                 WorkerCounters& counters,
                 WorkerDoor& door);

    // To be spawned; ends after stop().
    coro::Task<void> run();
    void stop();

    // --- Faults. Times count from `begin` on the engine's clock; those that there were end.
    void set_faults(std::span<const Fault> faults, Instant begin);
    Instant now() const { return clock_.engine_time(proactor_.now()); }
    Instant in_real_time(Duration from_now) const {
        return clock_.engine_time(proactor_.now() + from_now);
    }
    // Whether calls are taken; else they are answered 500.
    bool takes_calls() const { return worker_.takes_requests(); }
    // What is wrong with answers; null when nothing is.
    const llm_kit::FaultSpec* answer_fault() const;
    // The names of what is wrong now, with commas between them.
    std::string faults_in_force() const;

    EngineLoad load() const { return worker_.load(); }
    double kv_share() const;

private:
    friend class EngineCall;

    struct Scheduled {
        Fault fault;
        Instant next;  // When something happens to it: it begins, changes or ends.
        Instant end;
        bool has_begun = false;
    };

    void enter(EngineCall& call);
    void leave(EngineCall& call);
    void advance(Instant now);
    void step_engine(Instant now);
    void handle(const EngineEvent& event);
    bool pass_edge(Scheduled& scheduled);
    void show_load();
    Instant next_edge() const;

    net::Proactor& proactor_;
    const FleetClock clock_;
    const uint64_t cache_tokens_;
    WorkerCounters& counters_;
    WorkerDoor& door_;
    Worker worker_;
    coro::Signal signal_;
    std::vector<Scheduled> schedule_;
    std::unordered_map<uint32_t, EngineCall*> calls_;
    std::vector<EngineEvent> events_;
    uint32_t attempts_ = 0;
    bool is_door_shut_ = false;
    bool is_stopping_ = false;
};

}  // namespace sluice::llm_fleet
