// Sums of the table's families under other names.
#include "base/derived_metrics.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/metric_families.h"
#include "base/metric_writer.h"
#include "base/metrics.h"

namespace sluice {

namespace {

using LabelValues = MetricSums::LabelValues;

constexpr MetricFamily kRequests{.name = "llm_requests_total", .help = "Exchanges that ended."};
constexpr MetricFamily kSuccesses{.name = "llm_requests_success",
                                  .help = "Exchanges that succeeded."};
constexpr MetricFamily kFailures{.name = "llm_requests_failure", .help = "Exchanges that failed."};
constexpr MetricFamily kPromptTokens{.name = "llm_tokens_prompt",
                                     .help = "Tokens of prompts that upstreams reported."};
constexpr MetricFamily kCompletionTokens{.name = "llm_tokens_completion",
                                         .help = "Tokens of answers that upstreams reported."};
constexpr MetricFamily kCacheHits{.name = "llm_cache_hits",
                                  .help = "Answers that were found in the cache."};
constexpr MetricFamily kCacheMisses{.name = "llm_cache_misses",
                                    .help = "Questions that the cache had no answer to."};
constexpr MetricFamily kConnections{.name = "llm_active_connections",
                                    .help = "Open connections of clients.",
                                    .type = MetricType::gauge};
constexpr MetricFamily kDuration{
    .name = "llm_request_duration_seconds",
    .help = "From the first byte of a request to the last byte of its answer.",
    .type = MetricType::histogram,
    .unit = MetricUnit::seconds,
    .first_bound_us = metric_table::kWaitsUs};
constexpr MetricFamily kImbalance{
    .name = "sluice_shard_imbalance_ratio",
    .help =
        "The fullest shard over the mean of all, 1 when they are even, of: exchanges, "
        "client_connections.",
    .type = MetricType::gauge,
    .unit = MetricUnit::rate,
    .labels = {"of"}};

constexpr int64_t kThousandths = 1'000;

void append_gauge(MetricWriter& writer, const LabelValues& labels, int64_t value) {
    MetricSum sum;
    sum.gauge = value;
    writer.append_series(labels, sum);
}

}  // namespace

void DerivedMetrics::Spread::add(int64_t value) {
    sum += value;
    maximum = std::max(maximum, value);
    ++shards;
}

int64_t DerivedMetrics::Spread::ratio() const {
    return sum > 0 ? maximum * shards * kThousandths / sum : kThousandths;
}

void DerivedMetrics::see(MetricId id, const LabelValues& labels, const MetricSum& sum) {
    switch (id) {
        case MetricId::requests_total:
            requests_ += sum.counter;
            break;
        case MetricId::request_successes_total:
            successes_ += sum.counter;
            break;
        case MetricId::request_failures_total:
            failures_ += sum.counter;
            break;
        case MetricId::request_duration_seconds:
            duration_.add(sum);
            break;
        case MetricId::tokens_total:
            prompt_tokens_ += labels.back() == "prompt" ? sum.counter : 0;
            completion_tokens_ += labels.back() == "completion" ? sum.counter : 0;
            break;
        case MetricId::exchanges:
            exchanges_.add(sum.gauge);
            break;
        case MetricId::client_connections:
            connections_.add(sum.gauge);
            break;
        case MetricId::cache_hits_total:
            cache_hits_ += sum.counter;
            break;
        case MetricId::cache_misses_total:
            cache_misses_ += sum.counter;
            break;
        default:
            break;
    }
}

void DerivedMetrics::append(std::string& text, MetricsFormat format) const {
    const auto append_counter = [&](const MetricFamily& family, uint64_t value) {
        MetricWriter writer(text, family, format);
        writer.append_head();
        MetricSum sum;
        sum.counter = value;
        writer.append_series({}, sum);
    };
    MetricWriter imbalance(text, kImbalance, format);
    imbalance.append_head();
    append_gauge(imbalance, {"client_connections"}, connections_.ratio());
    append_gauge(imbalance, {"exchanges"}, exchanges_.ratio());

    append_counter(kRequests, requests_);
    append_counter(kSuccesses, successes_);
    append_counter(kFailures, failures_);
    MetricWriter duration(text, kDuration, format);
    duration.append_head();
    duration.append_series({}, duration_);
    append_counter(kPromptTokens, prompt_tokens_);
    append_counter(kCompletionTokens, completion_tokens_);
    MetricWriter connections(text, kConnections, format);
    connections.append_head();
    append_gauge(connections, {}, connections_.sum);
    append_counter(kCacheHits, cache_hits_);
    append_counter(kCacheMisses, cache_misses_);
}

}  // namespace sluice
