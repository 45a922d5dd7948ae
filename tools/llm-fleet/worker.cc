// What each fault does to a worker.
#include "llm-fleet/worker.h"

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/fault.h"

namespace sluice::llm_fleet {

void Worker::submit(const Job& job, Instant now) {
    if (is_hanging()) {
        held_.push_back(job);
    } else {
        engine_->submit(job, now);
    }
}

void Worker::cancel(uint32_t attempt, Instant now) {
    std::erase_if(held_, [&](const Job& job) { return job.attempt == attempt; });
    engine_->cancel(attempt, now);
}

void Worker::advance(Instant now, std::vector<EngineEvent>& events) {
    if (!is_hanging()) {
        engine_->advance(now, events);
    }
}

void Worker::begin(const Fault& fault, Instant now) {
    switch (fault.kind) {
        case FaultKind::slow:
            engine_->set_slowness(fault.factor);
            break;
        case FaultKind::fail:
        case FaultKind::flap:
            is_failing_ = true;
            break;
        case FaultKind::hang:
            hangs_since_ = now;
            break;
        case FaultKind::restart:
            engine_->restart();
            is_down_ = true;
            break;
        case FaultKind::join:
        case FaultKind::leave:
            break;  // Matters of the fleet.
        case FaultKind::answer:
            break;  // Of who speaks for it.
    }
}

void Worker::end(const Fault& fault, Instant now) {
    switch (fault.kind) {
        case FaultKind::slow:
            engine_->set_slowness(1);
            break;
        case FaultKind::fail:
        case FaultKind::flap:
            is_failing_ = false;
            break;
        case FaultKind::hang:
            engine_->shift(now - hangs_since_);
            hangs_since_ = Instant();
            for (const Job& job : held_) {
                engine_->submit(job, now);
            }
            held_.clear();
            break;
        case FaultKind::restart:
            is_down_ = false;
            break;
        case FaultKind::join:
        case FaultKind::leave:
        case FaultKind::answer:
            break;
    }
}

}  // namespace sluice::llm_fleet
