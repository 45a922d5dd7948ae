// Worker: an engine and what is wrong with it.
//
// The gateway sees no more of it than of a server: that a connection fails, that tokens come or do
// not come. One simulation owns it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/fault.h"

namespace sluice::llm_fleet {

class Worker {
public:
    explicit Worker(const EngineOptions& options) : engine_(make_engine(options)) {}

    // Whether it takes a request at all; else the caller has its error within a millisecond.
    bool takes_requests() const { return !is_failing_ && !is_down_; }
    // Whether it refuses connections.
    bool is_down() const { return is_down_; }
    bool is_hanging() const { return hangs_since_.is_set(); }
    Instant hangs_since() const { return hangs_since_; }

    void submit(const Job& job, Instant now);
    void cancel(uint32_t attempt, Instant now);
    EngineLoad load() const { return engine_->load(); }
    // When it wants to be looked at.
    Instant next() const { return is_hanging() ? Instant::never() : engine_->next(); }
    void advance(Instant now, std::vector<EngineEvent>& events);

    void begin(const Fault& fault, Instant now);
    void end(const Fault& fault, Instant now);
    // Of a flapping one: the other half of its period begins.
    void toggle() { is_failing_ = !is_failing_; }

private:
    std::unique_ptr<Engine> engine_;
    std::vector<Job> held_;  // Arrived while it hangs.
    Instant hangs_since_;
    bool is_failing_ = false;
    bool is_down_ = false;
};

}  // namespace sluice::llm_fleet
