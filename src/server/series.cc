// Making the series, and what of a record goes into which.
#include "server/series.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/metric_families.h"
#include "base/metrics.h"
#include "base/time.h"
#include "pipeline/exchange_record.h"
#include "pipeline/stream_watch.h"
#include "providers/dialect.h"

namespace sluice::server {

namespace {

using pipeline::ExchangeRecord;

constexpr std::string_view kOther = "other";
constexpr size_t kModelBytesMax = 128;
constexpr int64_t kThousandths = 1'000;
constexpr int64_t kUsPerSecond = 1'000'000;

void record_between(Histogram& histogram, Instant from, Instant to) {
    if (from.is_set() && to.is_set()) {
        histogram.record(to - from);
    }
}

}  // namespace

RouteSeries::RouteSeries(MetricStore& store,
                         std::string_view route_name,
                         std::string_view upstream_name)
    : route(route_name),
      upstream(upstream_name),
      ok(store.counter(MetricId::requests_total, {route, upstream, "200"})),
      failures(store.counter(MetricId::request_failures_total, {route, upstream})),
      successes(store.counter(MetricId::request_successes_total, {route, upstream})),
      duration(store.histogram(MetricId::request_duration_seconds, {route, upstream})),
      first_byte(store.histogram(MetricId::time_to_first_byte_seconds, {route, upstream})),
      overhead(store.histogram(MetricId::overhead_seconds, {route, upstream})),
      receive(store.histogram(MetricId::phase_seconds, {route, upstream, "receive"})),
      connect(store.histogram(MetricId::phase_seconds, {route, upstream, "connect"})),
      wait(store.histogram(MetricId::phase_seconds, {route, upstream, "upstream"})),
      relay(store.histogram(MetricId::phase_seconds, {route, upstream, "relay"})),
      first_token(store.histogram(MetricId::time_to_first_token_seconds, {route, upstream})),
      inter_token(store.histogram(MetricId::inter_token_seconds, {route, upstream})),
      token_rate(store.histogram(MetricId::output_tokens_per_second, {route, upstream})),
      request_bytes(store.counter(MetricId::request_body_bytes_total, {route, upstream})),
      response_bytes(store.counter(MetricId::response_body_bytes_total, {route, upstream})),
      events(store.counter(MetricId::stream_events_total, {route, upstream})),
      prompt(store.counter(MetricId::tokens_total, {route, upstream, "prompt"})),
      cached(store.counter(MetricId::tokens_total, {route, upstream, "cached"})),
      completion(store.counter(MetricId::tokens_total, {route, upstream, "completion"})),
      reasoning(store.counter(MetricId::tokens_total, {route, upstream, "reasoning"})),
      cost(store.counter(MetricId::cost_micro_usd_total, {route, upstream})),
      unpriced(store.counter(MetricId::unpriced_exchanges_total, {route, upstream})) {
    // Begin at zero, for whoever watches how they grow; the others appear with their first one.
    store.counter(MetricId::retries_total,
                  {route, upstream, pipeline::retry_reason_name(pipeline::RetryReason::status)});
    store.counter(MetricId::retries_denied_total, {route, upstream});
    store.counter(MetricId::key_cooldowns_total, {upstream, "refused"});
    store.counter(MetricId::key_cooldowns_total, {upstream, "throttled"});
}

void RouteSeries::add_times(const ExchangeRecord& record, int64_t wall_clock_ns) {
    duration.record(record.ended - record.began, record.request_id, wall_clock_ns);
    if (record.first_byte.is_set()) {
        first_byte.record(record.first_byte - record.began);
        const Duration outside = record.queue_wait + record.retried +
                                 (record.leased - record.lease_begun) +
                                 (record.first_byte - record.sent);
        overhead.record((record.responded - record.received) - outside);
    }
    record_between(receive, record.began, record.received);
    record_between(connect, record.lease_begun, record.leased);
    record_between(wait, record.sent, record.first_byte);
    record_between(relay, record.responded, record.ended);
    if (record.is_stream && record.first_event.is_set() && record.sent.is_set()) {
        add_stream(record);
    }
}

void RouteSeries::add_stream(const ExchangeRecord& record) {
    first_token.record(record.first_event - record.sent);
    const Duration going_on = record.ended - record.first_event;
    if (record.events > 1) {
        inter_token.record(going_on / static_cast<int64_t>(record.events - 1));
    }
    const pipeline::Usage& usage = record.usage;
    if (usage.is_known && !usage.is_estimated && usage.completion_tokens > 0 && going_on.us() > 0) {
        // A count that is an upstream's to choose stays within what can be multiplied.
        constexpr uint64_t kTokensMax = 1'000'000'000;
        const auto tokens = static_cast<int64_t>(std::min(usage.completion_tokens, kTokensMax));
        token_rate.record(
            Duration::nanoseconds(tokens * kThousandths * kUsPerSecond / going_on.us()));
    }
}

ModelSeries::Cells::Cells(MetricStore& store, std::string_view model)
    : requests(store.counter(MetricId::model_requests_total, {model})),
      prompt(store.counter(MetricId::model_tokens_total, {model, "prompt"})),
      completion(store.counter(MetricId::model_tokens_total, {model, "completion"})) {}

ModelSeries::ModelSeries(MetricStore& store) : store_(store), other_(store, kOther) {}

ModelSeries::Cells& ModelSeries::cells_for(std::string_view model, bool is_success) {
    const auto found = cells_.find(model);
    if (found != cells_.end()) {
        return found->second;
    }
    if (!is_success || model.empty() || model.size() > kModelBytesMax ||
        cells_.size() >= models_max_) {
        return other_;
    }
    return cells_.try_emplace(std::string(model), store_, model).first->second;
}

void ModelSeries::add(const ExchangeRecord& record, bool is_success) {
    Cells& cells = cells_for(record.model, is_success);
    cells.requests.add();
    if (!record.is_cached) {
        cells.prompt.add(record.usage.prompt_tokens);
        cells.completion.add(record.usage.completion_tokens);
    }
}

void DialectSeries::add(const ExchangeRecord& record) {
    if (!record.has_dialects) {
        return;
    }
    Counter*& cell = cells_[static_cast<size_t>(record.client_dialect)]
                           [static_cast<size_t>(record.upstream_dialect)];
    if (cell == nullptr) {
        cell = &store_.counter(MetricId::dialect_requests_total,
                               {providers::dialect_name(record.client_dialect),
                                providers::dialect_name(record.upstream_dialect)});
    }
    cell->add();
}

}  // namespace sluice::server
