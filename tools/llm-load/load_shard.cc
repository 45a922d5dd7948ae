// The loop, the schedule and the end of a run.
#include "llm-load/load_shard.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/time.h"
#include "http/limits.h"
#include "llm-kit/distribution.h"
#include "llm-load/metrics.h"
#include "llm-load/options.h"
#include "llm-load/prepared_request.h"
#include "llm-load/worker.h"
#include "net/address.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "net/tls_context.h"

namespace sluice::llm_load {

namespace {

// How late a shard may notice that the run was told to stop.
constexpr Duration kTurnWaitMax = Duration::milliseconds(100);

uint64_t share_of(uint64_t all, LoadShard::Share share) {
    return all / share.shards + (share.index < all % share.shards ? 1 : 0);
}

}  // namespace

LoadShard::LoadShard(net::Shard& shard,
                     const LoadOptions& options,
                     Share share,
                     std::span<const PreparedRequest> requests,
                     const net::TlsContext& tls,
                     Progress& progress)
    : shard_(shard),
      options_(options),
      share_(share),
      requests_(requests),
      progress_(progress),
      header_scratch_(http::MessageLimits().fields_max),
      scope_(shard.proactor().ready()),
      next_request_(share.index),
      next_source_(share.index) {
    tls_.context = tls;
}

LoadShard::~LoadShard() = default;

void LoadShard::run(const std::atomic<Stop>& stop) {
    net::Proactor& proactor = shard_.proactor();
    began_at_ = proactor.ring().now();
    if (options_.warmup.ns() > 0) {
        measured_from_ = began_at_ + options_.warmup;
    }
    if (options_.duration.ns() > 0) {
        ends_at_ = began_at_ + options_.duration;
    }
    connections_max_ = static_cast<uint32_t>(share_of(options_.connections, share_));
    to_start_ = options_.requests_max > 0 ? share_of(options_.requests_max, share_) : UINT64_MAX;
    if (options_.is_open_loop()) {
        arrivals_.emplace(began_at_, options_.rate_per_second / share_.shards, options_.arrivals,
                          options_.seed + share_.index);
    } else {
        start_workers();
    }
    while (true) {
        proactor.turn(time_to_next());
        dispatch_due();
        look_at_end(stop.load(std::memory_order_relaxed));
        if (over_ && scope_.running() == 0 && proactor.objects() == 0) {
            break;
        }
    }
    finish();
}

void LoadShard::finish() {
    metrics_.began_at = began_at_;
    metrics_.ended_at = shard_.proactor().now();
    metrics_.turns = shard_.proactor().counters().turns;
    metrics_.longest_turn_ns = shard_.proactor().counters().longest_turn_ns;
    const net::RingCounters& ring = shard_.proactor().ring().counters();
    metrics_.system_calls = ring.enter_calls + ring.other_system_calls;
    progress_.is_done.store(true, std::memory_order_relaxed);
}

void LoadShard::start_workers() {
    for (uint32_t i = 0; i < connections_max_; ++i) {
        add_worker();
    }
}

void LoadShard::add_worker() {
    const auto index = static_cast<uint32_t>(workers_.size());
    workers_.push_back(std::make_unique<Worker>(*this, index));
    scope_.spawn(workers_.back()->run());
}

// Connections begin evenly spread, those of all shards interleaved.
Duration LoadShard::ramp_delay(uint32_t worker_index) const {
    if (options_.is_open_loop() || options_.connections < 2) {
        return {};
    }
    const Duration ramp = options_.ramp.value_or(kRampPerConnection * options_.connections);
    const int64_t place = int64_t{worker_index} * share_.shards + share_.index;
    return ramp * place / options_.connections;
}

Duration LoadShard::time_to_next() const {
    if (!arrivals_ || over_ || to_start_ == 0) {
        return kTurnWaitMax;
    }
    const Instant now = shard_.proactor().ring().now();
    return arrivals_->next() > now ? std::min(kTurnWaitMax, arrivals_->next() - now) : Duration();
}

// Open loop: what is due gets a connection, or waits for one.
void LoadShard::dispatch_due() {
    if (!arrivals_ || over_) {
        return;
    }
    const Instant now = shard_.proactor().ring().now();
    while (to_start_ > 0 && arrivals_->next() <= now) {
        overdue_.push_back(arrivals_->next());
        arrivals_->advance();
        --to_start_;
        if (Worker* worker = resting_.front(); worker != nullptr) {
            worker->unlink();
            worker->wake();
        } else if (workers_.size() < connections_max_) {
            add_worker();
        }
    }
}

LoadShard::Job LoadShard::make_job(Instant intended) {
    const PreparedRequest& request = requests_[next_request_++ % requests_.size()];
    const bool to_be_aborted = options_.may_abort() && prng().chance(options_.abort_fraction);
    return {.intended = intended, .request = &request, .to_be_aborted = to_be_aborted};
}

std::optional<LoadShard::Job> LoadShard::take_job() {
    if (arrivals_) {
        if (overdue_.empty()) {
            return std::nullopt;
        }
        const Instant intended = overdue_.front();
        overdue_.pop_front();
        return make_job(intended);
    }
    if (over_ || to_start_ == 0) {
        return std::nullopt;
    }
    --to_start_;
    return make_job(shard_.proactor().now());
}

void LoadShard::rest(Worker& worker) {
    ++resting_count_;
    resting_.push_front(worker);
}

void LoadShard::rested(Worker& worker) {
    --resting_count_;
    worker.unlink();
}

void LoadShard::look_at_end(Stop stop) {
    const Instant now = shard_.proactor().now();
    const bool is_everyone_idle = resting_count_ == workers_.size() && overdue_.empty();
    if (options_.hold.ns() > 0 && is_everyone_idle && ends_at_ == Instant::never()) {
        ends_at_ = now + options_.hold;
        progress_.is_holding.store(true, std::memory_order_relaxed);
    }
    const bool is_all_started = to_start_ == 0 && is_everyone_idle && options_.hold.ns() == 0;
    if (!over_ && (stop != Stop::not_yet || now >= ends_at_ || is_all_started)) {
        over_ = true;
        gives_up_at_ = now + options_.drain;
        for (const auto& worker : workers_) {
            worker->wake();
        }
    }
    if (over_ && !given_up_ && (stop == Stop::at_once || now >= gives_up_at_)) {
        given_up_ = true;
        for (size_t i = 0; i < overdue_.size(); ++i) {
            metrics_.count_error("never_sent");
        }
        overdue_.clear();
        for (const auto& worker : workers_) {
            worker->wake();
        }
    }
}

const net::Address* LoadShard::next_source() {
    return options_.sources.empty() ? nullptr
                                    : &options_.sources[next_source_++ % options_.sources.size()];
}

}  // namespace sluice::llm_load
