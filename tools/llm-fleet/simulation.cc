// The gateway's side: arrivals, choices, retries, waiting, the loop over events.
#include "llm-fleet/simulation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "balance/charge.h"
#include "balance/pool.h"
#include "base/time.h"
#include "llm-fleet/event_queue.h"
#include "llm-fleet/gateway_pools.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/trace.h"
#include "llm-fleet/worker.h"

namespace sluice::llm_fleet {

namespace {

// Not 0, which means "not yet" where instants are kept.
constexpr Instant kBegin = Instant::from_ns(1'000'000'000);
constexpr Duration kErrorAfter = Duration::milliseconds(1);
constexpr int64_t kSamples = 500;
constexpr Duration kSampleEveryMin = Duration::milliseconds(100);
constexpr size_t kProgressEvery = 256;

using Kind = SimulatedEvent::Kind;

}  // namespace

Simulation::Simulation(const Trace& trace,
                       const RunOptions& options,
                       std::function<void(size_t)> progress)
    : trace_(trace),
      options_(options),
      progress_(std::move(progress)),
      now_(kBegin),
      wake_versions_(options.workers),
      wakes_at_(options.workers, Instant::never()),
      tokens_in_flight_(options.workers),
      pools_(options, kBegin),
      world_(options.seed ^ 0x5eed'0f7e'3012'1d00ULL) {
    for (uint32_t i = 0; i < options.workers; ++i) {
        workers_.emplace_back(options.engine);
    }
    for (uint32_t i = 0; i < options.shards; ++i) {
        prngs_.emplace_back(options.seed + i);
    }
    measures_.strategy = options.strategy;
    measures_.workers = options.workers;
}

void Simulation::plan() {
    const size_t rows = options_.rows_max == 0
                            ? trace_.rows.size()
                            : std::min<size_t>(options_.rows_max, trace_.rows.size());
    requests_.resize(rows);
    measures_.requests.resize(rows);
    const auto at_speed = [&](Duration at) {
        return Duration::nanoseconds(std::llround(static_cast<double>(at.ns()) / options_.speed));
    };
    for (uint32_t i = 0; i < rows; ++i) {
        requests_[i].arrival = kBegin + at_speed(trace_.rows[i].at);
    }
    // Rows are in order, so each arrival can bring the next one.
    events_.add(requests_.front().arrival, Kind::arrival, 0);
    for (uint32_t i = 0; i < options_.faults.size(); ++i) {
        const Fault& fault = options_.faults[i];
        if (fault.kind != FaultKind::join || fault.from.ns() > 0) {
            events_.add(kBegin + fault.from, Kind::fault_begins, i);
        }
    }
    const Duration length = requests_.back().arrival - kBegin;
    const Duration sample_every = std::max(length / kSamples, kSampleEveryMin);
    events_.add(kBegin, Kind::sample, 0, static_cast<uint64_t>(sample_every.ns()));
    events_.add(kBegin, Kind::judgement);
}

Measures Simulation::run() {
    plan();
    while (!events_.empty() && !is_done()) {
        const SimulatedEvent event = events_.take();
        now_ = event.at;
        handle(event);
    }
    measures_.length = now_ - kBegin;
    measures_.guards = pools_.guards();
    measures_.ledger_rest = pools_.ledger();
    for (const AttemptRecord& attempt : measures_.attempts) {
        measures_.guards.probes += attempt.is_probe ? 1 : 0;
    }
    for (const Worker& worker : workers_) {
        measures_.preemptions += worker.load().preemptions;
    }
    return std::move(measures_);
}

void Simulation::handle(const SimulatedEvent& event) {
    switch (event.kind) {
        case Kind::arrival:
            return arrive(event.index);
        case Kind::worker_due:
            return event.version == wake_versions_[event.index] ? run_worker(event.index) : void();
        case Kind::attempt_fails:
        case Kind::first_token_due:
            return attempts_[event.index].state == State::waiting ? fail(event.index) : void();
        case Kind::silence_due:
            return check_silence(event.index);
        case Kind::client_leaves:
            return client_leaves(event.index);
        case Kind::wait_ends:
            return end_wait(event.index);
        case Kind::hedge_due:
            return hedge(event.index);
        case Kind::fault_begins:
            return begin_fault(event.index);
        case Kind::fault_ends:
            return end_fault(event.index);
        case Kind::judgement:
            pools_.judge(now_);
            return events_.add(now_ + Duration::milliseconds(pools_.options().outliers.interval_ms),
                               Kind::judgement);
        case Kind::sample:
            take_sample();
            return events_.add(now_ + Duration::nanoseconds(static_cast<int64_t>(event.version)),
                               Kind::sample, 0, event.version);
    }
}

void Simulation::arrive(uint32_t row) {
    if (row + 1 < requests_.size()) {
        events_.add(requests_[row + 1].arrival, Kind::arrival, row + 1);
    }
    if (progress_ && row % kProgressEvery == 0) {
        progress_(row);
    }
    Request& request = requests_[row];
    request.shard = world_.below(options_.shards);
    request.retries_left = options_.retries;
    const double factor = 1 + options_.estimate_error * (2 * world_.unit() - 1);
    request.prompt_estimate = static_cast<uint32_t>(std::lround(factor * row_of(row).input_tokens));
    if (options_.leave_fraction > 0 && world_.chance(options_.leave_fraction)) {
        const double factor_of_time = -std::log1p(-world_.unit());
        events_.add(now_ + Duration::nanoseconds(std::llround(
                               factor_of_time * static_cast<double>(options_.leave_after.ns()))),
                    Kind::client_leaves, row);
    }
    dispatch(row);
}

Choice Simulation::choose(uint32_t index, std::span<const uint16_t> tried) {
    const Request& request = requests_[index];
    const std::span<const uint64_t> blocks = trace_.blocks_of(row_of(index));
    balance::Ask ask;
    ask.prompt_tokens = request.prompt_estimate;
    ask.output_tokens = options_.expected_output_tokens;
    ask.needs = balance::kStreaming;
    ask.blocks = blocks;
    ask.affinity = blocks[std::min<size_t>(blocks.size() - 1, options_.affinity_block)];
    ask.tried = tried;
    return pools_.select(request.shard, ask, now_, prngs_[request.shard]);
}

void Simulation::dispatch(uint32_t index) {
    Choice choice = choose(index, requests_[index].tried);
    if (choice.without == balance::Without::none) {
        send(index, std::move(choice), false);
    } else {
        go_without(index, choice);
    }
}

// A second target, while the first has not begun.
void Simulation::hedge(uint32_t first) {
    const uint32_t index = attempts_[first].request;
    const Request& request = requests_[index];
    if (attempts_[first].state != State::waiting || request.alive != 1 ||
        !pools_.take_hedge(request.shard, request.prompt_estimate)) {
        return;
    }
    std::vector<uint16_t> tried = request.tried;
    tried.push_back(attempts_[first].worker);
    Choice choice = choose(index, tried);
    if (choice.without == balance::Without::none) {
        send(index, std::move(choice), true);
    }
}

void Simulation::send(uint32_t index, Choice choice, bool is_hedge) {
    Request& request = requests_[index];
    const TraceRow& row = row_of(index);
    const auto number = static_cast<uint32_t>(attempts_.size());
    measures_.attempts.push_back({.at = now_ - kBegin,
                                  .request = index,
                                  .worker = choice.worker,
                                  .shard = static_cast<uint16_t>(request.shard),
                                  .is_probe = choice.charge.is_probe(),
                                  .is_hedge = is_hedge});
    attempts_.push_back({.charge = std::move(choice.charge),
                         .request = index,
                         .worker = choice.worker,
                         .predicted_tokens = choice.predicted_tokens});
    request.attempts.push_back(number);
    ++request.alive;
    const Duration hedge_after = pools_.hedge_delay(request.shard, attempts_[number].charge);
    if (hedge_after.ns() > 0 && !is_hedge) {
        events_.add(now_ + hedge_after, Kind::hedge_due, number);
    }
    Worker& worker = workers_[choice.worker];
    tokens_in_flight_[choice.worker] += row.input_tokens + row.output_tokens;
    if (!worker.takes_requests()) {
        events_.add(now_ + kErrorAfter, Kind::attempt_fails, number);
        return;
    }
    worker.submit({.attempt = number,
                   .blocks = trace_.blocks_of(row),
                   .input_tokens = row.input_tokens,
                   .output_tokens = row.output_tokens},
                  now_);
    events_.add(now_ + options_.first_token_timeout, Kind::first_token_due, number);
    wake(choice.worker);
}

void Simulation::go_without(uint32_t index, const Choice& choice) {
    Request& request = requests_[index];
    const balance::QueueOptions& queue = pools_.options().queue;
    if (choice.without == balance::Without::no_room && queue_.size() < queue.waiting_max) {
        request.is_queued = true;
        queue_.push_back(index);
        events_.add(now_ + Duration::milliseconds(queue.wait_ms_max), Kind::wait_ends, index);
        return;
    }
    close(index, request.tried.empty() ? RequestRecord::End::refused : RequestRecord::End::failed);
}

void Simulation::end_wait(uint32_t index) {
    if (requests_[index].is_queued) {
        std::erase(queue_, index);
        requests_[index].is_queued = false;
        close(index, RequestRecord::End::refused);
    }
}

// Something has ended: those that wait may go, in order, as far as there is room.
void Simulation::serve_queue() {
    std::vector<uint32_t> waiting;
    waiting.swap(queue_);
    for (size_t i = 0; i < waiting.size(); ++i) {
        requests_[waiting[i]].is_queued = false;
        dispatch(waiting[i]);
        if (requests_[waiting[i]].is_queued) {
            queue_.insert(queue_.end(), waiting.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                          waiting.end());
            return;
        }
    }
}

void Simulation::close(uint32_t index, RequestRecord::End end) {
    Request& request = requests_[index];
    request.is_over = true;
    ++over_;
    RequestRecord& record = measures_.requests[index];
    record.at = request.arrival - kBegin;
    record.row = index;
    record.input_tokens = row_of(index).input_tokens;
    record.attempts = static_cast<uint16_t>(request.attempts.size());
    record.end = end;
    if (request.begun_by == kNone) {
        return;
    }
    const Attempt& attempt = attempts_[request.begun_by];
    const uint32_t later_tokens = std::max(row_of(index).output_tokens, 2U) - 1;
    record.worker = attempt.worker;
    record.cached_tokens = attempt.cached_tokens;
    record.predicted_tokens = attempt.predicted_tokens;
    record.first_token = attempt.first_token - request.arrival;
    record.whole = now_ - request.arrival;
    record.per_token = (now_ - attempt.first_token) / later_tokens;
}

void Simulation::take_sample() {
    measures_.samples.push_back({.at = now_ - kBegin, .tokens = tokens_in_flight_});
}

}  // namespace sluice::llm_fleet
