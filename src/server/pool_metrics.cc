// Cells by pool and target, and what goes into them.
#include "server/pool_metrics.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "balance/circuit_breaker.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "balance/waiting_room.h"
#include "base/metric_families.h"
#include "base/metrics.h"
#include "base/priority.h"
#include "base/time.h"
#include "server/pools.h"

namespace sluice::server {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// Often enough for whoever scrapes, seldom enough for pools of thousands.
constexpr Duration kPeriod = Duration::milliseconds(500);
constexpr double kBillion = 1e9;
// Nine series each stay below what a store holds.
constexpr size_t kTargetsMax = 800;

// Closed, half open, open, in the order of how bad it is.
int64_t number_of(balance::CircuitBreaker::State state) {
    using State = balance::CircuitBreaker::State;
    return state == State::closed ? 0 : state == State::half_open ? 1 : 2;
}

}  // namespace

PoolMetrics::Series& PoolMetrics::series_of(const std::string& pool, const std::string& target) {
    const auto found = series_.find({pool, target});
    if (found != series_.end()) {
        return found->second;
    }
    const Series made = {
        .breaker = store_.gauge(MetricId::target_breaker_state, {pool, target}),
        .healthy = store_.gauge(MetricId::target_healthy, {pool, target}),
        .in_flight = store_.gauge(MetricId::target_in_flight, {pool, target}),
        .prefill_tokens = store_.gauge(MetricId::target_prefill_tokens, {pool, target}),
        .slowdown = store_.gauge(MetricId::target_slowdown, {pool, target}),
        .selected = store_.counter(MetricId::target_selected_total, {pool, target}),
        .faults = store_.counter(MetricId::target_faults_total, {pool, target}),
        .pushbacks = store_.counter(MetricId::target_pushbacks_total, {pool, target}),
        .ejections = store_.counter(MetricId::target_ejections_total, {pool, target}),
    };
    return series_.emplace(std::pair(pool, target), made).first->second;
}

void PoolMetrics::publish(Series& series, const balance::Target& target) {
    const balance::TargetState& state = *target.state;
    series.breaker.set(number_of(state.breaker.status().state));
    series.healthy.set(state.is_healthy.load(kRelaxed) ? 1 : 0);
    series.in_flight.set(state.requests.load(kRelaxed));
    series.prefill_tokens.set(state.prefill_tokens.load(kRelaxed));
    series.slowdown.set(static_cast<int64_t>(kBillion * state.slowdown.value(1)));
    series.selected.publish(state.selected_total.load(kRelaxed));
    series.faults.publish(state.faults_total.load(kRelaxed));
    series.pushbacks.publish(state.pushbacks_total.load(kRelaxed));
    series.ejections.publish(state.ejections_total.load(kRelaxed));
}

// Of one that may have a queue, by the settings or by those that wait since before them.
void PoolMetrics::publish_queue(const balance::Pool& pool) {
    const balance::WaitingRoom& room = pool.state().room;
    if (pool.options().queue.waiting_max == 0 && !room.has_waiting()) {
        return;
    }
    for (size_t i = 0; i < kPriorities; ++i) {
        const auto priority = static_cast<Priority>(i);
        store_.gauge(MetricId::queue_waiting, {pool.options().name, name_of(priority)})
            .set(room.waiting(priority));
    }
}

void PoolMetrics::publish(const Pools& pools, Instant now) {
    if (now < next_) {
        return;
    }
    next_ = now + kPeriod;
    ++round_;
    for (const std::unique_ptr<balance::Pool>& pool : pools) {
        publish_queue(*pool);
        for (const balance::Target& target : pool->targets()) {
            const bool is_known = series_.contains({pool->options().name, target.name});
            if (is_known || series_.size() < kTargetsMax) {
                Series& series = series_of(pool->options().name, target.name);
                publish(series, target);
                series.round = round_;
            }
        }
    }
    for (auto& [name, series] : series_) {
        if (series.round + 1 == round_) {
            // Gone: nothing that anybody should be told of.
            series.healthy.set(1);
            for (Gauge* const level :
                 {&series.breaker, &series.in_flight, &series.prefill_tokens, &series.slowdown}) {
                level->set(0);
            }
        }
    }
}

}  // namespace sluice::server
