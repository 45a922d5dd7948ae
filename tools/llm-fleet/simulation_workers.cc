// The workers' side of the simulation: tokens, ends, errors, faults.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "balance/charge.h"
#include "base/time.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/event_queue.h"
#include "llm-fleet/fault.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/simulation.h"
#include "llm-fleet/trace.h"
#include "llm-fleet/worker.h"

namespace sluice::llm_fleet {

using Kind = SimulatedEvent::Kind;

void Simulation::run_worker(uint32_t index) {
    wakes_at_[index] = Instant::never();
    // Answers may bring new requests to this same worker, so what came out is taken aside.
    std::vector<EngineEvent> happened;
    happened.swap(engine_events_);
    happened.clear();
    workers_[index].advance(now_, happened);
    for (const EngineEvent& event : happened) {
        switch (event.kind) {
            case EngineEvent::Kind::first_token:
                begin_stream(event);
                break;
            case EngineEvent::Kind::token:
                break;  // Is not asked for.
            case EngineEvent::Kind::finished:
                finish_stream(event);
                break;
            case EngineEvent::Kind::refused:
                release(event.attempt, {.verdict = balance::Verdict::neutral});
                close(attempts_[event.attempt].request, RequestRecord::End::failed);
                break;
        }
    }
    engine_events_.swap(happened);
    wake(index);
}

void Simulation::wake(uint32_t index) {
    const Instant at = workers_[index].next();
    if (at == wakes_at_[index]) {
        return;
    }
    wakes_at_[index] = at;
    ++wake_versions_[index];
    if (at != Instant::never()) {
        events_.add(std::max(at, now_), Kind::worker_due, index, wake_versions_[index]);
    }
}

void Simulation::begin_stream(const EngineEvent& event) {
    Attempt& attempt = attempts_[event.attempt];
    if (attempt.state == State::over) {
        return;
    }
    attempt.state = State::streaming;
    attempt.first_token = event.at;
    attempt.cached_tokens = event.cached_tokens;
    attempt.charge.on_first_token(now_);
    Request& request = requests_[attempt.request];
    measures_.attempts[event.attempt].uncached_tokens =
        row_of(attempt.request).input_tokens - event.cached_tokens;
    request.begun_by = event.attempt;
    // A hedge is decided by the first token.
    for (const uint32_t other : std::vector<uint32_t>(request.attempts)) {
        if (other != event.attempt && attempts_[other].state != State::over) {
            cancel(other);
        }
    }
}

void Simulation::finish_stream(const EngineEvent& event) {
    Attempt& attempt = attempts_[event.attempt];
    if (attempt.state == State::over) {
        return;
    }
    const TraceRow& row = row_of(attempt.request);
    balance::Outcome outcome = {.verdict = balance::Verdict::success};
    if (row.output_tokens > 1) {
        outcome.per_token = (now_ - attempt.first_token) / (row.output_tokens - 1);
    }
    if (!options_.hides_cached_tokens) {
        outcome.cached_tokens = static_cast<int32_t>(attempt.cached_tokens);
    }
    outcome.prompt_tokens = static_cast<int32_t>(row.input_tokens);
    const uint32_t request = attempt.request;
    release(event.attempt, outcome);
    close(request, RequestRecord::End::answered);
    serve_queue();
}

void Simulation::fail(uint32_t number) {
    Attempt& attempt = attempts_[number];
    const bool has_begun = attempt.state == State::streaming;
    const uint32_t index = attempt.request;
    const uint16_t worker = attempt.worker;
    workers_[worker].cancel(number, now_);
    release(number, {.verdict = balance::Verdict::fault});
    wake(worker);
    Request& request = requests_[index];
    if (has_begun) {
        close(index, RequestRecord::End::broken);
    } else {
        request.tried.push_back(worker);
        if (request.alive > 0) {
            return;  // The hedge may still answer.
        }
        if (request.retries_left == 0) {
            close(index, RequestRecord::End::failed);
        } else {
            --request.retries_left;
            dispatch(index);
        }
    }
    serve_queue();
}

void Simulation::cancel(uint32_t number) {
    const uint16_t worker = attempts_[number].worker;
    workers_[worker].cancel(number, now_);
    release(number, {.verdict = balance::Verdict::neutral});
    wake(worker);
}

void Simulation::client_leaves(uint32_t index) {
    Request& request = requests_[index];
    if (request.is_over) {
        return;
    }
    if (request.is_queued) {
        request.is_queued = false;
        std::erase(queue_, index);
    }
    for (const uint32_t number : std::vector<uint32_t>(request.attempts)) {
        if (attempts_[number].state != State::over) {
            cancel(number);
        }
    }
    close(index, RequestRecord::End::left);
    serve_queue();
}

void Simulation::check_silence(uint32_t number) {
    const Attempt& attempt = attempts_[number];
    if (attempt.state == State::streaming && workers_[attempt.worker].is_hanging()) {
        fail(number);
    }
}

void Simulation::release(uint32_t number, const balance::Outcome& outcome) {
    Attempt& attempt = attempts_[number];
    attempt.state = State::over;
    attempt.charge.finish(outcome, now_);
    --requests_[attempt.request].alive;
    const TraceRow& row = row_of(attempt.request);
    tokens_in_flight_[attempt.worker] -= row.input_tokens + row.output_tokens;
    using End = AttemptRecord::End;
    measures_.attempts[number].end = outcome.verdict == balance::Verdict::success ? End::answered
                                     : outcome.verdict == balance::Verdict::fault ? End::fault
                                                                                  : End::neutral;
    pools_.note_end(attempt.worker);
}

void Simulation::begin_fault(uint32_t index) {
    const Fault& fault = options_.faults[index];
    Worker& worker = workers_[fault.worker];
    const bool is_permanent = fault.until.ns() == 0;
    if (fault.kind == FaultKind::join || fault.kind == FaultKind::leave) {
        pools_.set_member(fault.worker, fault.kind == FaultKind::join, now_);
        return;
    }
    worker.begin(fault, now_);
    if (fault.kind == FaultKind::restart) {
        drop_all_of(fault.worker);
    }
    if (fault.kind == FaultKind::hang) {
        for (uint32_t i = 0; i < attempts_.size(); ++i) {
            if (attempts_[i].worker == fault.worker && attempts_[i].state == State::streaming) {
                events_.add(now_ + options_.silence_timeout, Kind::silence_due, i);
            }
        }
    }
    wake(fault.worker);
    if (fault.kind == FaultKind::restart && is_permanent) {
        worker.end(fault, now_);  // It is back at once.
    } else if (fault.kind == FaultKind::flap) {
        events_.add(now_ + fault.period, Kind::fault_ends, index);
    } else if (!is_permanent) {
        events_.add(now_ + (fault.until - fault.from), Kind::fault_ends, index);
    }
}

void Simulation::end_fault(uint32_t index) {
    const Fault& fault = options_.faults[index];
    Worker& worker = workers_[fault.worker];
    worker.end(fault, now_);
    wake(fault.worker);
    if (fault.kind != FaultKind::flap) {
        return;
    }
    // The next bad half begins a period later, unless that is beyond its end.
    const Duration since_begin = now_ - requests_.front().arrival;
    if (fault.until.ns() == 0 || since_begin + fault.period < fault.until) {
        events_.add(now_ + fault.period, Kind::fault_begins, index);
    }
}

void Simulation::drop_all_of(uint32_t worker) {
    const auto count = static_cast<uint32_t>(attempts_.size());
    for (uint32_t i = 0; i < count; ++i) {
        if (attempts_[i].worker == worker && attempts_[i].state != State::over) {
            fail(i);
        }
    }
}

}  // namespace sluice::llm_fleet
