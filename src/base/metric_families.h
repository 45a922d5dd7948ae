// The table of all metrics: name, help, type, unit, how shards are put together, labels.
//
// One line here is all that a new metric needs besides the code that writes it. Names follow the
// conventions of Prometheus: base units, and _total for counters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

enum class MetricType : uint8_t { counter, gauge, histogram };
// Cells of seconds hold nanoseconds, those of ratios billionths, those of rates thousandths.
enum class MetricUnit : uint8_t { none, bytes, seconds, rate, ratio };
enum class MetricMerge : uint8_t { sum, maximum };

// In the order of the table.
enum class MetricId : uint8_t {
    requests_total,
    request_failures_total,
    request_successes_total,
    request_duration_seconds,
    time_to_first_byte_seconds,
    overhead_seconds,
    phase_seconds,
    time_to_first_token_seconds,
    inter_token_seconds,
    output_tokens_per_second,
    request_body_bytes_total,
    response_body_bytes_total,
    stream_events_total,
    tokens_total,
    model_requests_total,
    model_tokens_total,
    dialect_requests_total,
    cost_micro_usd_total,
    unpriced_exchanges_total,
    errors_total,
    cancels_total,
    retries_total,
    retries_denied_total,
    hedges_total,
    hedge_prompt_tokens_total,
    queue_wait_seconds,
    queue_refusals_total,
    key_cooldowns_total,
    guard_matches_total,
    key_refusals_total,
    limit_refusals_total,
    exchanges,
    client_connections,
    client_connections_total,
    connections_moved_total,
    accept_pauses_total,
    upstream_connections,
    upstream_connects_total,
    upstream_waiters,
    dns_questions_total,
    dns_failures_total,
    buffer_blocks,
    buffers_exhausted_total,
    copied_bytes_total,
    ring_submissions_total,
    ring_completions_total,
    ring_enter_calls_total,
    ring_other_system_calls_total,
    turns_total,
    longest_turn_seconds,
    cache_hits_total,
    cache_misses_total,
    cache_joins_total,
    cache_stores_total,
    cache_evictions_total,
    cache_bytes,
    cache_entries,
    queue_waiting,
    target_breaker_state,
    target_healthy,
    target_in_flight,
    target_prefill_tokens,
    target_slowdown,
    target_selected_total,
    target_faults_total,
    target_pushbacks_total,
    target_ejections_total,
    log_dropped_total,
    log_write_errors_total,
    ledger_entries_total,
    ledger_failures_total,
    trace_spans_exported_total,
    trace_spans_dropped_total,
    trace_export_failures_total,
    config_reloads_total,
    start_time_seconds,
    build_info,
};

inline constexpr size_t kMetricLabelsMax = 4;

struct MetricFamily {
    std::string_view name;
    std::string_view help;
    MetricType type = MetricType::counter;
    MetricUnit unit = MetricUnit::none;
    MetricMerge merge = MetricMerge::sum;
    std::array<std::string_view, kMetricLabelsMax> labels = {};
    uint32_t first_bound_us = 0;  // Histograms: upper end of the first bucket; of rates, itself.
    bool has_exemplars = false;   // Histograms: the last request of each bucket is kept.

    constexpr size_t label_count() const {
        size_t count = 0;
        while (count < labels.size() && !labels[count].empty()) {
            ++count;
        }
        return count;
    }
};

// How the table is written.
namespace metric_table {

using Labels = std::array<std::string_view, kMetricLabelsMax>;

consteval MetricFamily counter(std::string_view name,
                               std::string_view help,
                               const Labels& labels = {},
                               MetricUnit unit = MetricUnit::none) {
    return {.name = name, .help = help, .unit = unit, .labels = labels};
}

consteval MetricFamily gauge(std::string_view name,
                             std::string_view help,
                             const Labels& labels = {}) {
    return {.name = name, .help = help, .type = MetricType::gauge, .labels = labels};
}

// A gauge of which the shards' largest value counts.
consteval MetricFamily maximum(std::string_view name,
                               std::string_view help,
                               const Labels& labels = {},
                               MetricUnit unit = MetricUnit::none) {
    return {.name = name,
            .help = help,
            .type = MetricType::gauge,
            .unit = unit,
            .merge = MetricMerge::maximum,
            .labels = labels};
}

consteval MetricFamily histogram(std::string_view name,
                                 std::string_view help,
                                 const Labels& labels,
                                 uint32_t first_bound_us,
                                 MetricUnit unit = MetricUnit::seconds) {
    return {.name = name,
            .help = help,
            .type = MetricType::histogram,
            .unit = unit,
            .labels = labels,
            .first_bound_us = first_bound_us};
}

consteval MetricFamily with_exemplars(MetricFamily family) {
    family.has_exemplars = true;
    return family;
}

// What a person waits for: 100 us to 10 minutes.
inline constexpr uint32_t kWaitsUs = 100;
// What we add ourselves: 1 us to 6 s.
inline constexpr uint32_t kOverheadUs = 1;
// From one token to the next: 10 us to a minute.
inline constexpr uint32_t kGapsUs = 10;
// A thousand thousandths.
inline constexpr uint32_t kOnePerSecond = 1;

inline constexpr auto kFamilies = std::to_array<MetricFamily>({
    counter("sluice_requests_total",
            "Exchanges that ended, by the status sent to the client.",
            {"route", "upstream", "status"}),
    counter("sluice_request_failures_total",
            "Exchanges that were answered with a status of 400 or more, or broke after their head.",
            {"route", "upstream"}),
    counter("sluice_request_successes_total",
            "Exchanges that were answered with a status below 400, to the end. Those that their "
            "client left are neither successes nor failures.",
            {"route", "upstream"}),
    with_exemplars(histogram("sluice_request_duration_seconds",
                             "From the first byte of a request to the last byte of its answer.",
                             {"route", "upstream"},
                             kWaitsUs)),
    histogram("sluice_time_to_first_byte_seconds",
              "From the first byte of a request to the first byte of the answer's body.",
              {"route", "upstream"},
              kWaitsUs),
    histogram("sluice_overhead_seconds",
              "Time of an exchange that was spent in the gateway itself.",
              {"route", "upstream"},
              kOverheadUs),
    histogram("sluice_phase_seconds",
              "Time of an exchange by phase: receive (the request comes in), connect (waits for a "
              "connection), upstream (waits for the answer's head), relay (the answer goes out).",
              {"route", "upstream", "phase"},
              kOverheadUs),
    histogram("sluice_time_to_first_token_seconds",
              "Of streams: from the request sent to the first event.",
              {"route", "upstream"},
              kWaitsUs),
    histogram("sluice_inter_token_seconds",
              "Of streams: the mean time from one event to the next, once per stream.",
              {"route", "upstream"},
              kGapsUs),
    histogram("sluice_output_tokens_per_second",
              "Of streams whose upstream tells its tokens: completion tokens over the time from "
              "the first event to the end.",
              {"route", "upstream"},
              kOnePerSecond,
              MetricUnit::rate),
    counter("sluice_request_body_bytes_total",
            "Bytes of request bodies taken from clients.",
            {"route", "upstream"},
            MetricUnit::bytes),
    counter("sluice_response_body_bytes_total",
            "Bytes of response bodies sent to clients.",
            {"route", "upstream"},
            MetricUnit::bytes),
    counter("sluice_stream_events_total",
            "Server-sent events relayed to clients.",
            {"route", "upstream"}),
    counter("sluice_tokens_total",
            "Tokens that upstreams reported, by kind: prompt, cached, completion, reasoning.",
            {"route", "upstream", "kind"}),
    counter("sluice_model_requests_total",
            "Exchanges by the model that the client named; \"other\" beyond the limit of names.",
            {"model"}),
    counter("sluice_model_tokens_total",
            "Tokens by the model that the client named, by kind: prompt, completion.",
            {"model", "kind"}),
    counter("sluice_dialect_requests_total",
            "Exchanges that asked an upstream, by the client's dialect and the upstream's.",
            {"client", "upstream"}),
    counter("sluice_cost_micro_usd_total",
            "What exchanges have cost, in millionths of a dollar.",
            {"route", "upstream"}),
    counter("sluice_unpriced_exchanges_total",
            "Exchanges whose cost is not known, or not all of it.",
            {"route", "upstream"}),
    counter("sluice_errors_total",
            "Exchanges that ended with an error, by its kind and who caused it.",
            {"route", "upstream", "kind", "source"}),
    counter("sluice_cancels_total",
            "Exchanges that the client left, by phase.",
            {"route", "upstream", "phase"}),
    counter("sluice_retries_total",
            "Requests that were sent again, by the reason: idle_death, connect, status, throttled, "
            "reply, key_refused, key_throttled, fail_over, restart, "
            "continuation.",
            {"route", "upstream", "reason"}),
    counter("sluice_retries_denied_total",
            "Requests that were not sent again because the budget for retries was used up.",
            {"route", "upstream"}),
    counter("sluice_hedges_total",
            "Second targets that were due while the first one was silent, by what became of them: "
            "won, lost, failed, denied, cancelled.",
            {"pool", "outcome"}),
    counter("sluice_hedge_prompt_tokens_total",
            "Tokens of prompts that were sent to a second target; an estimate.",
            {"pool"}),
    histogram("sluice_queue_wait_seconds",
              "Time in the queue of a pool of requests that got a target there, by priority.",
              {"pool", "priority"},
              kWaitsUs),
    counter("sluice_queue_refusals_total",
            "Requests that got no target from the queue of a pool, by priority and the reason: "
            "full, hopeless, pushed_out, timeout.",
            {"pool", "priority", "reason"}),
    counter("sluice_key_cooldowns_total",
            "Times that a key was sent to rest, by the reason: refused, throttled.",
            {"upstream", "reason"}),
    counter("sluice_guard_matches_total",
            "What guards have found in prompts and answers, by what they did.",
            {"route", "upstream", "action"}),
    counter("sluice_key_refusals_total",
            "Requests whose key was missing, wrong or not allowed to do this.",
            {"reason"}),
    counter("sluice_limit_refusals_total",
            "Requests that a limit refused, by what it is a limit of.",
            {"scope", "limit"}),
    gauge("sluice_exchanges", "Exchanges that are going on.", {"shard"}),
    gauge("sluice_client_connections", "Open connections of clients.", {"shard"}),
    counter(
        "sluice_client_connections_total", "Connections of clients that were accepted.", {"shard"}),
    counter("sluice_connections_moved_total",
            "New connections that were handed to a less busy shard.",
            {"shard"}),
    counter("sluice_accept_pauses_total",
            "Times that accepting stopped at the limit of connections or descriptors.",
            {"shard"}),
    gauge("sluice_upstream_connections",
          "Connections to upstreams, by state: idle, busy.",
          {"upstream", "state"}),
    counter("sluice_upstream_connects_total",
            "Attempts to connect to upstreams that nobody broke off, by result: ok, failed.",
            {"upstream", "result"}),
    gauge("sluice_upstream_waiters",
          "Exchanges that wait for a connection to an upstream.",
          {"upstream"}),
    counter("sluice_dns_questions_total",
            "Names that were asked for, as they were not in the cache."),
    counter("sluice_dns_failures_total", "Names that could not be resolved."),
    gauge("sluice_buffer_blocks",
          "Receive buffers, by state: free, window (lent to the kernel), used.",
          {"shard", "state"}),
    counter("sluice_buffers_exhausted_total",
            "Times that reading stopped because no receive buffer was left.",
            {"shard"}),
    counter("sluice_copied_bytes_total",
            "Bytes copied because a peer read slowly or receive buffers were short.",
            {"shard"},
            MetricUnit::bytes),
    counter("sluice_ring_submissions_total", "Operations handed to the kernel.", {"shard"}),
    counter("sluice_ring_completions_total", "Completions taken from the kernel.", {"shard"}),
    counter("sluice_ring_enter_calls_total", "Calls of io_uring_enter.", {"shard"}),
    counter("sluice_ring_other_system_calls_total",
            "System calls besides: sockets opened, options set.",
            {"shard"}),
    counter("sluice_turns_total", "Turns of the shards' loops.", {"shard"}),
    maximum("sluice_longest_turn_seconds",
            "Longest turn since the start, without its wait.",
            {"shard"},
            MetricUnit::seconds),
    counter("sluice_cache_hits_total", "Answers that were found in the cache.", {"shard"}),
    counter("sluice_cache_misses_total", "Questions that the cache had no answer to.", {"shard"}),
    counter("sluice_cache_joins_total",
            "Exchanges that were answered by the call of another one under way.",
            {"shard"}),
    counter("sluice_cache_stores_total", "Answers that were put into the cache.", {"shard"}),
    counter("sluice_cache_evictions_total",
            "Answers that left the cache to make room for others.",
            {"shard"}),
    gauge("sluice_cache_bytes", "Memory of the cache's entries.", {"shard"}),
    gauge("sluice_cache_entries", "Answers in the cache.", {"shard"}),
    gauge("sluice_queue_waiting",
          "Requests that wait for a target of the pool, by priority.",
          {"pool", "priority"}),
    gauge("sluice_target_breaker_state",
          "Breaker of a target of a pool: 0 closed, 1 half open, 2 open.",
          {"pool", "target"}),
    gauge("sluice_target_healthy",
          "1 when active checks find the target well, or when there are none.",
          {"pool", "target"}),
    gauge("sluice_target_in_flight", "Requests that the target has.", {"pool", "target"}),
    gauge("sluice_target_prefill_tokens",
          "Uncached prompt tokens at the target whose first token is not there yet.",
          {"pool", "target"}),
    maximum("sluice_target_slowdown",
            "Time to first token of the target by what it should have been.",
            {"pool", "target"},
            MetricUnit::ratio),
    counter("sluice_target_selected_total",
            "Requests that were given to the target.",
            {"pool", "target"}),
    counter("sluice_target_faults_total",
            "Requests that failed at the target by a fault of its own.",
            {"pool", "target"}),
    counter("sluice_target_pushbacks_total",
            "Requests that the target asked to come later.",
            {"pool", "target"}),
    counter("sluice_target_ejections_total",
            "Times that the target was left out as worse than the others.",
            {"pool", "target"}),
    counter("sluice_log_dropped_total",
            "Log lines dropped because their buffer was full, by log: app, access.",
            {"log"}),
    counter("sluice_log_write_errors_total", "Failed writes of log lines."),
    counter("sluice_ledger_entries_total",
            "Entries of the usage ledger, by outcome: written, dropped.",
            {"outcome"}),
    counter("sluice_ledger_failures_total", "Batches of the usage ledger that did not work."),
    counter("sluice_trace_spans_exported_total", "Spans that the receiver of traces has taken."),
    counter("sluice_trace_spans_dropped_total",
            "Spans that were lost, by the reason: queue (no room was left for them), export (the "
            "receiver did not take them).",
            {"reason"}),
    counter("sluice_trace_export_failures_total",
            "Requests to the receiver of traces that did not work."),
    counter("sluice_config_reloads_total",
            "Reloads of the configuration, by result: ok, refused.",
            {"result"}),
    maximum("sluice_start_time_seconds",
            "When the process started, in seconds since 1970.",
            {},
            MetricUnit::seconds),
    maximum("sluice_build_info", "Always 1; the labels tell what runs.", {"version", "compiler"}),
});

}  // namespace metric_table

inline constexpr const auto& kMetricFamilies = metric_table::kFamilies;

static_assert(kMetricFamilies.size() == static_cast<size_t>(MetricId::build_info) + 1);

constexpr const MetricFamily& metric_family(MetricId id) {
    return kMetricFamilies[static_cast<size_t>(id)];
}

}  // namespace sluice
