// References to cells per route, and the engine's own counters published on demand.
#include "server/telemetry.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log_writer.h"
#include "base/metric_families.h"
#include "base/metrics.h"
#include "base/priority.h"
#include "cache/response_cache.h"
#include "config/config.h"
#include "ledger/lane.h"
#include "net/buffer_ring.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "net/shard.h"
#include "pipeline/exchange_record.h"
#include "pipeline/options.h"
#include "server/access_log.h"
#include "server/ledger_entry.h"
#include "server/options.h"
#include "server/series.h"
#include "server/trace_record.h"
#include "trace/lane.h"
#include "trace/record.h"
#include "trace/sampling.h"

namespace sluice::server {

ShardTelemetry::ShardTelemetry(net::Shard& shard,
                               LogLane* access_log,
                               AccessLogFormat format,
                               ledger::Lane* ledger,
                               trace::Lane* traces)
    : shard_(shard),
      access_log_(access_log),
      line_(format),
      ledger_(ledger),
      traces_(traces),
      shard_name_(std::to_string(shard.index())),
      models_(store_),
      dialects_(store_),
      exchanges_(store_.gauge(MetricId::exchanges, {shard_name_})),
      connections_(store_.gauge(MetricId::client_connections, {shard_name_})),
      connections_total_(store_.counter(MetricId::client_connections_total, {shard_name_})),
      moved_(store_.counter(MetricId::connections_moved_total, {shard_name_})),
      cache_joins_(store_.counter(MetricId::cache_joins_total, {shard_name_})) {}

ShardTelemetry::~ShardTelemetry() = default;

void ShardTelemetry::use(const config::Config& config) {
    models_.set_limit(config.server.metrics.models_max);
    sampling_ = trace::Sampling::of(config.traces);
    sampling_.is_on = traces_ != nullptr;
    recent_.set_limit(config.admin.is_off() ? 0 : config.admin.recent_exchanges_max);
    use_content(config.server.content_capture);
    is_https_ = config.server.tls.enabled();
    routes_.clear();
    for (const auto& route : config.routes) {
        add_route(route.path_prefix, route.target_llm);
    }
    add_route("", "");
}

void ShardTelemetry::use_content(const pipeline::ContentCaptureOptions& options) {
    traces_content_ = options.traces && traces_ != nullptr;
    recent_.keep_content(options.inspector);
    content_bytes_max_ = traces_content_ || recent_.keeps_content() ? options.bytes_max : 0;
}

void ShardTelemetry::add_route(std::string_view route, std::string_view target) {
    routes_.emplace_back().push_back(std::make_unique<RouteSeries>(store_, route, target));
}

// Of the upstream that was asked; of what the route names, when none was. Those of a pool appear
// with their first exchange.
RouteSeries& ShardTelemetry::series_for(const pipeline::ExchangeRecord& record) {
    // After a reload an old exchange may name a route that is gone.
    auto& all = routes_[std::min<size_t>(record.route, routes_.size() - 1)];
    if (record.upstream_series.empty()) {
        return *all.front();
    }
    for (const auto& series : all) {
        if (series->upstream == record.upstream_series) {
            return *series;
        }
    }
    return *all.emplace_back(
        std::make_unique<RouteSeries>(store_, all.front()->route, record.upstream_series));
}

void ShardTelemetry::on_exchange_begin() {
    exchanges_.add(1);
}

void ShardTelemetry::on_key_rest(std::string_view upstream, std::string_view why) {
    store_.counter(MetricId::key_cooldowns_total, {upstream, why}).add();
}

void ShardTelemetry::on_exchange_end(const pipeline::ExchangeRecord& record) {
    exchanges_.add(-1);
    count(record);
    log(record);
    keep(record);
    if (ledger_ != nullptr) {
        ledger_->add(ledger_entry(record, shard_.proactor().ring().now(),
                                  shard_.proactor().ring().wall_clock_ns(), shard_.prng().next()));
    }
    if (record.trace != nullptr && traces_ != nullptr) {
        trace(record);
    }
}

void ShardTelemetry::trace(const pipeline::ExchangeRecord& record) {
    const trace::Keep keep = keep_of(record, sampling_);
    if (keep == trace::Keep::none) {
        return;
    }
    trace::Record* const to = traces_->begin();
    if (to == nullptr) {
        traces_->drop(trace::span_count(*record.trace));
        return;
    }
    const net::Ring& ring = shard_.proactor().ring();
    fill_trace(*to, record, keep,
               {.route = series_for(record).route,
                .scheme = is_https_ ? "https" : "http",
                .now = ring.now(),
                .wall_clock_ns = ring.wall_clock_ns()});
    if (traces_content_) {
        to->content = record.content;
    }
    traces_->publish();
}

void ShardTelemetry::on_request_refused(const pipeline::ExchangeRecord& record) {
    count(record);
    log(record);
    keep(record);
}

void ShardTelemetry::count(const pipeline::ExchangeRecord& record) {
    RouteSeries& series = series_for(record);
    if (record.status == 200) {
        series.ok.add();
    } else {
        store_
            .counter(MetricId::requests_total,
                     {series.route, series.upstream, std::to_string(record.status)})
            .add();
    }
    const bool is_cancelled = record.error.kind == ErrorKind::cancelled;
    const bool is_broken = record.error.kind != ErrorKind::none;
    if (!is_cancelled && (record.status >= 400 || is_broken)) {
        series.failures.add();
    }
    const bool is_success = record.status < 400 && !is_broken;
    if (is_success) {
        series.successes.add();
    }
    series.add_times(record, shard_.proactor().ring().wall_clock_ns());
    models_.add(record, is_success);
    dialects_.add(record);
    series.request_bytes.add(record.request_body_bytes);
    series.response_bytes.add(record.response_body_bytes);
    series.events.add(record.events);
    if (!record.is_cached) {
        series.prompt.add(record.usage.prompt_tokens);
        series.cached.add(record.usage.cached_tokens);
        series.completion.add(record.usage.completion_tokens);
        series.reasoning.add(record.usage.reasoning_tokens);
    }
    if (record.cache == pipeline::CacheOutcome::join) {
        cache_joins_.add();
    }
    count_cost(series, record);
    if (is_cancelled) {
        store_
            .counter(MetricId::cancels_total,
                     {series.route, series.upstream, pipeline::phase_name(record.ended_in)})
            .add();
    } else if (is_broken) {
        store_
            .counter(MetricId::errors_total,
                     {series.route, series.upstream, error_kind_name(record.error.kind),
                      error_source_name(record.error.source)})
            .add();
    }
    if (!record.limit.empty()) {
        store_.counter(MetricId::limit_refusals_total, {record.limit_scope, record.limit}).add();
    }
    if (!record.key_refusal.empty()) {
        store_.counter(MetricId::key_refusals_total, {record.key_refusal}).add();
    }
    if (record.attempts > 1 || record.is_out_of_retries) {
        count_retries(record, series);
    }
    if (record.hedge != pipeline::HedgeOutcome::none) {
        count_hedge(record);
    }
    if (record.is_queued) {
        count_queue(record);
    }
    if (record.guard.has_matched() || record.extra_usages != nullptr) {
        count_processors(series, record);
    }
}

void ShardTelemetry::count_cost(RouteSeries& series, const pipeline::ExchangeRecord& record) {
    if (!record.is_priced) {
        series.unpriced.add();
    }
    int64_t own = record.cost_pico_usd;
    for (const auto* extra = record.extra_usages; extra != nullptr; extra = extra->next) {
        own -= extra->cost_pico_usd;
        add_cost(
            store_.counter(MetricId::cost_micro_usd_total, {series.route, extra->upstream_name}),
            extra->cost_pico_usd);
    }
    add_cost(series.cost, own);
}

// A request may cost less than the unit, so what is left over is kept for the next one.
void ShardTelemetry::add_cost(Counter& counter, int64_t pico_usd) {
    constexpr int64_t kPicoPerMicro = 1'000'000;
    if (pico_usd <= 0) {
        return;
    }
    int64_t& rest = pico_rests_[&counter];
    rest += pico_usd % kPicoPerMicro;
    counter.add(static_cast<uint64_t>(pico_usd / kPicoPerMicro + rest / kPicoPerMicro));
    rest %= kPicoPerMicro;
}

// Rare things, so their series are looked up.
void ShardTelemetry::count_processors(const RouteSeries& series,
                                      const pipeline::ExchangeRecord& record) {
    const auto add = [&](std::string_view action, uint32_t matches) {
        if (matches > 0) {
            store_.counter(MetricId::guard_matches_total, {series.route, series.upstream, action})
                .add(matches);
        }
    };
    add("block", record.guard.blocked);
    add("redact", record.guard.redacted);
    add("flag", record.guard.flagged);
    for (const auto* extra = record.extra_usages; extra != nullptr; extra = extra->next) {
        store_.counter(MetricId::tokens_total, {series.route, extra->upstream_name, "prompt"})
            .add(extra->usage.prompt_tokens);
        store_.counter(MetricId::tokens_total, {series.route, extra->upstream_name, "completion"})
            .add(extra->usage.completion_tokens);
    }
}

// Rare enough to be looked up.
void ShardTelemetry::count_retries(const pipeline::ExchangeRecord& record,
                                   const RouteSeries& series) {
    const auto count = [&](MetricId id, std::initializer_list<std::string_view> labels,
                           uint64_t times) {
        if (times > 0) {
            store_.counter(id, labels).add(times);
        }
    };
    for (size_t i = 0; i < record.retries.size(); ++i) {
        const auto reason = static_cast<pipeline::RetryReason>(i);
        count(MetricId::retries_total,
              {series.route, series.upstream, pipeline::retry_reason_name(reason)},
              record.retries[i]);
    }
    count(MetricId::retries_denied_total, {series.route, series.upstream},
          record.is_out_of_retries ? 1 : 0);
}

// Likewise.
void ShardTelemetry::count_hedge(const pipeline::ExchangeRecord& record) {
    const std::string_view outcome = pipeline::hedge_outcome_name(record.hedge);
    store_.counter(MetricId::hedges_total, {record.pool_name, outcome}).add();
    if (record.hedge_prompt_tokens > 0) {
        store_.counter(MetricId::hedge_prompt_tokens_total, {record.pool_name})
            .add(record.hedge_prompt_tokens);
    }
}

// Likewise.
void ShardTelemetry::count_queue(const pipeline::ExchangeRecord& record) {
    const std::string_view priority = name_of(record.priority);
    if (record.queue_refusal != pipeline::QueueRefusal::none) {
        store_
            .counter(
                MetricId::queue_refusals_total,
                {record.pool_name, priority, pipeline::queue_refusal_name(record.queue_refusal)})
            .add();
    } else if (record.attempts > 0) {
        store_.histogram(MetricId::queue_wait_seconds, {record.pool_name, priority})
            .record(record.queue_wait);
    }
}

void ShardTelemetry::log(const pipeline::ExchangeRecord& record) {
    if (access_log_ == nullptr) {
        return;
    }
    const RouteSeries& series = series_for(record);
    access_log_->push(line_.write(
        record, {.route = series.route, .upstream = series.upstream, .shard = shard_.index()},
        shard_.proactor().ring().wall_clock_ns()));
}

void ShardTelemetry::keep(const pipeline::ExchangeRecord& record) {
    if (recent_.is_on()) {
        recent_.add(record, series_for(record).route, shard_.index(),
                    shard_.proactor().ring().wall_clock_ns());
    }
}

void ShardTelemetry::on_client_connected(uint32_t open) {
    connections_.set(open);
    connections_total_.add();
}

void ShardTelemetry::on_client_gone(uint32_t open) {
    connections_.set(open);
}

void ShardTelemetry::on_connection_moved() {
    moved_.add();
}

void ShardTelemetry::publish_accept_pauses(uint64_t pauses) {
    store_.counter(MetricId::accept_pauses_total, {shard_name_}).publish(pauses);
}

void ShardTelemetry::publish_cache(const cache::CacheStatistics& statistics) {
    store_.counter(MetricId::cache_hits_total, {shard_name_}).publish(statistics.hits);
    store_.counter(MetricId::cache_misses_total, {shard_name_}).publish(statistics.misses);
    store_.counter(MetricId::cache_stores_total, {shard_name_}).publish(statistics.stores);
    store_.counter(MetricId::cache_evictions_total, {shard_name_}).publish(statistics.evictions);
    store_.gauge(MetricId::cache_bytes, {shard_name_}).set(static_cast<int64_t>(statistics.bytes));
    store_.gauge(MetricId::cache_entries, {shard_name_})
        .set(static_cast<int64_t>(statistics.entries));
}

void ShardTelemetry::publish_engine() {
    net::Proactor& proactor = shard_.proactor();
    const net::RingCounters& ring = proactor.ring().counters();
    const net::BufferRing& buffers = proactor.buffers();
    store_.counter(MetricId::ring_submissions_total, {shard_name_}).publish(ring.submissions);
    store_.counter(MetricId::ring_completions_total, {shard_name_}).publish(ring.completions);
    store_.counter(MetricId::ring_enter_calls_total, {shard_name_}).publish(ring.enter_calls);
    store_.counter(MetricId::ring_other_system_calls_total, {shard_name_})
        .publish(ring.other_system_calls);
    store_.counter(MetricId::turns_total, {shard_name_}).publish(proactor.counters().turns);
    store_.gauge(MetricId::longest_turn_seconds, {shard_name_})
        .set(static_cast<int64_t>(proactor.counters().longest_turn_ns));
    store_.gauge(MetricId::buffer_blocks, {shard_name_, "free"}).set(buffers.free_blocks());
    store_.gauge(MetricId::buffer_blocks, {shard_name_, "used"}).set(buffers.blocks_in_use());
    store_.counter(MetricId::buffers_exhausted_total, {shard_name_})
        .publish(buffers.counters().exhausted);
    store_.counter(MetricId::copied_bytes_total, {shard_name_})
        .publish(proactor.counters().copied_bytes);
    if (access_log_ != nullptr) {
        store_.counter(MetricId::log_dropped_total, {"access"}).publish(access_log_->dropped());
    }
}

}  // namespace sluice::server
