// Keeping time, waking calls, beginning and ending faults.
#include "llm-fleet/served_worker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "balance/prefix_hash.h"
#include "base/time.h"
#include "coro/task.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/engine_call.h"
#include "llm-fleet/fault.h"
#include "llm-fleet/fleet_clock.h"
#include "llm-kit/fault.h"
#include "net/deadline.h"
#include "net/proactor.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_fleet {

namespace {

constexpr auto kTokensPerBlock =
    static_cast<uint32_t>(balance::kPrefixBlockBytes / providers::PromptMeter::kBytesPerToken);
// A deadline of zero would be none.
constexpr Duration kAtOnce = Duration::microseconds(1);
// Until the system has let go of the port.
constexpr Duration kDoorRetry = Duration::milliseconds(1);

EngineOptions served(EngineOptions options) {
    options.kind = EngineKind::batching;
    options.tells_tokens = true;
    return options;
}

}  // namespace

ServedWorker::ServedWorker(net::Proactor& proactor,
                           const FleetClock& clock,
                           const EngineOptions& options,
                           WorkerCounters& counters,
                           WorkerDoor& door)
    : proactor_(proactor),
      clock_(clock),
      cache_tokens_(options.cache_tokens),
      counters_(counters),
      door_(door),
      worker_(served(options)),
      signal_(proactor.ready()) {}

coro::Task<void> ServedWorker::run() {
    net::Deadline deadline(proactor_, signal_);
    while (!is_stopping_) {
        advance(now());
        const Instant next = std::min(worker_.next(), next_edge());
        Duration wait;
        if (next != Instant::never()) {
            wait = std::max(kAtOnce, clock_.real_time(next - now()));
        }
        const bool opens = is_door_shut_ && !worker_.is_down();
        is_door_shut_ = is_door_shut_ && !(opens && door_.open_door());
        deadline.set(opens && is_door_shut_ ? kDoorRetry : wait);
        co_await signal_.wait();
    }
}

void ServedWorker::stop() {
    is_stopping_ = true;
    signal_.raise();
}

// --- Calls.

void ServedWorker::enter(EngineCall& call) {
    advance(now());
    call.attempt_ = ++attempts_;
    calls_.emplace(call.attempt_, &call);
    const Job job = {.attempt = call.attempt_,
                     .blocks = call.work_.blocks,
                     .input_tokens = call.work_.input_tokens,
                     .output_tokens = call.work_.output_tokens,
                     .tokens_per_block = kTokensPerBlock};
    worker_.submit(job, now());
    show_load();
    signal_.raise();
}

void ServedWorker::leave(EngineCall& call) {
    if (call.attempt_ != 0 && calls_.erase(call.attempt_) > 0) {
        worker_.cancel(call.attempt_, now());
        show_load();
        signal_.raise();
    }
}

void ServedWorker::handle(const EngineEvent& event) {
    const auto found = calls_.find(event.attempt);
    if (found == calls_.end()) {
        return;
    }
    EngineCall& call = *found->second;
    switch (event.kind) {
        case EngineEvent::Kind::first_token:
            call.cached_tokens_ = event.cached_tokens;
            counters_.prompt_tokens.add(call.work_.input_tokens);
            counters_.cached_tokens.add(event.cached_tokens);
            [[fallthrough]];
        case EngineEvent::Kind::token:
            ++call.made_;
            counters_.answer_tokens.add();
            break;
        case EngineEvent::Kind::finished:
            break;
        case EngineEvent::Kind::refused:
            call.is_refused_ = true;
            break;
    }
    call.signal_.raise();
}

// --- Time.

void ServedWorker::step_engine(Instant now) {
    events_.clear();
    worker_.advance(now, events_);
    for (const EngineEvent& event : events_) {
        handle(event);
    }
    show_load();
}

void ServedWorker::advance(Instant now) {
    while (next_edge() <= now) {
        const auto first = std::ranges::min_element(schedule_, {}, &Scheduled::next);
        step_engine(first->next);
        if (!pass_edge(*first)) {
            schedule_.erase(first);
        }
    }
    step_engine(now);
}

Instant ServedWorker::next_edge() const {
    Instant next = Instant::never();
    for (const Scheduled& scheduled : schedule_) {
        next = std::min(next, scheduled.next);
    }
    return next;
}

void ServedWorker::show_load() {
    const EngineLoad load = worker_.load();
    counters_.waiting.set(load.waiting);
    counters_.running.set(load.running);
}

double ServedWorker::kv_share() const {
    return static_cast<double>(worker_.load().kv_tokens) / static_cast<double>(cache_tokens_);
}

// --- Faults.

// False when it is over.
bool ServedWorker::pass_edge(Scheduled& scheduled) {
    const Fault& fault = scheduled.fault;
    const Instant at = scheduled.next;
    if (!scheduled.has_begun) {
        scheduled.has_begun = true;
        worker_.begin(fault, at);
        if (fault.kind == FaultKind::restart) {
            is_door_shut_ = true;
            counters_.restarts.add();
            door_.close_door();
        }
        scheduled.next = scheduled.end;
    } else if (fault.kind == FaultKind::flap && at < scheduled.end) {
        worker_.toggle();
    }
    if (fault.kind == FaultKind::flap && at < scheduled.end) {
        scheduled.next = std::min(at + fault.period, scheduled.end);
    }
    if (at < scheduled.end) {
        return true;
    }
    worker_.end(fault, at);
    return false;
}

void ServedWorker::set_faults(std::span<const Fault> faults, Instant begin) {
    advance(now());
    for (const Scheduled& scheduled : schedule_) {
        if (scheduled.has_begun) {
            worker_.end(scheduled.fault, now());
        }
    }
    schedule_.clear();
    for (const Fault& fault : faults) {
        // A restart without an end is over at once; all else stays.
        const bool has_end = fault.until.ns() != 0;
        const bool is_restart = fault.kind == FaultKind::restart;
        const Instant from = begin + fault.from;
        schedule_.push_back({.fault = fault,
                             .next = from,
                             .end = has_end      ? begin + fault.until
                                    : is_restart ? from
                                                 : Instant::never()});
    }
    signal_.raise();
}

const llm_kit::FaultSpec* ServedWorker::answer_fault() const {
    for (const Scheduled& scheduled : schedule_) {
        if (scheduled.has_begun && scheduled.fault.kind == FaultKind::answer) {
            return &scheduled.fault.answer;
        }
    }
    return nullptr;
}

std::string ServedWorker::faults_in_force() const {
    std::string names;
    for (const Scheduled& scheduled : schedule_) {
        if (scheduled.has_begun) {
            names += names.empty() ? "" : ",";
            names += kFaultNames[static_cast<size_t>(scheduled.fault.kind)];
        }
    }
    return names;
}

}  // namespace sluice::llm_fleet
