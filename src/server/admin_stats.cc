// GET /v1/stats: the metrics of all shards as numbers that a person, or a script, wants to see.
//
// Read from the same cells as /metrics and added up: over all routes of an upstream, over all
// upstreams of a route, over everything. Nothing is counted for it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/metric_families.h"
#include "base/metrics.h"
#include "base/time.h"
#include "coro/task.h"
#include "json/writer.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"

namespace sluice::server {

namespace {

constexpr std::array<std::string_view, 4> kTokenKinds = {"prompt", "cached", "completion",
                                                         "reasoning"};

// What was served in all, by one route or by one upstream.
struct Served {
    uint64_t requests = 0;
    uint64_t failures = 0;
    MetricSum duration;
    MetricSum first_byte;
    std::array<uint64_t, kTokenKinds.size()> tokens = {};

    double error_rate() const {
        return requests == 0 ? 0 : static_cast<double>(failures) / static_cast<double>(requests);
    }
};

struct Stats {
    Served all;
    std::map<std::string, Served> routes;
    std::map<std::string, Served> upstreams;

    // Families have the route and the upstream as their first labels.
    template <class Add>
    void add(MetricId id, std::span<const MetricStore* const> stores, Add add_to) {
        for (const auto& [labels, sum] : MetricSums::of(id, stores)) {
            add_to(all, labels, sum);
            add_to(routes[labels[0]], labels, sum);
            add_to(upstreams[labels[1]], labels, sum);
        }
    }
};

using Labels = MetricSums::LabelValues;

Stats collect(std::span<const MetricStore* const> stores) {
    Stats stats;
    stats.add(MetricId::requests_total, stores,
              [](Served& to, const Labels&, const MetricSum& sum) { to.requests += sum.counter; });
    stats.add(MetricId::request_failures_total, stores,
              [](Served& to, const Labels&, const MetricSum& sum) { to.failures += sum.counter; });
    stats.add(MetricId::request_duration_seconds, stores,
              [](Served& to, const Labels&, const MetricSum& sum) { to.duration.add(sum); });
    stats.add(MetricId::time_to_first_byte_seconds, stores,
              [](Served& to, const Labels&, const MetricSum& sum) { to.first_byte.add(sum); });
    stats.add(MetricId::tokens_total, stores,
              [](Served& to, const Labels& labels, const MetricSum& sum) {
                  for (size_t i = 0; i < kTokenKinds.size(); ++i) {
                      to.tokens[i] += labels[2] == kTokenKinds[i] ? sum.counter : 0;
                  }
              });
    return stats;
}

uint64_t total(const std::map<Labels, MetricSum>& sums) {
    uint64_t all = 0;
    for (const auto& [labels, sum] : sums) {
        all += sum.counter;
    }
    return all;
}

uint64_t in_flight(std::span<const MetricStore* const> stores) {
    int64_t all = 0;
    for (const auto& [labels, sum] : MetricSums::of(MetricId::exchanges, stores)) {
        all += sum.gauge;
    }
    return all > 0 ? static_cast<uint64_t>(all) : 0;
}

double milliseconds(Duration duration) {
    return static_cast<double>(duration.us()) / 1000.0;
}

void write_times(json::Writer& writer, MetricId id, const MetricSum& sum) {
    const uint64_t count = sum.count();
    const auto average_ns = static_cast<int64_t>(count == 0 ? 0 : sum.sum_ns / count);
    writer.begin_object()
        .key("average")
        .number(milliseconds(Duration::nanoseconds(average_ns)))
        .key("p50")
        .number(milliseconds(MetricSums::quantile(id, sum, 0.5)))
        .key("p90")
        .number(milliseconds(MetricSums::quantile(id, sum, 0.9)))
        .key("p99")
        .number(milliseconds(MetricSums::quantile(id, sum, 0.99)))
        .end_object();
}

void write_served(json::Writer& writer, const Served& served) {
    writer.key("requests")
        .unsigned_integer(served.requests)
        .key("failures")
        .unsigned_integer(served.failures)
        .key("error_rate")
        .number(served.error_rate())
        .key("latency_ms");
    write_times(writer, MetricId::request_duration_seconds, served.duration);
    writer.key("time_to_first_token_ms");
    write_times(writer, MetricId::time_to_first_byte_seconds, served.first_byte);
    writer.key("tokens").begin_object();
    for (size_t i = 0; i < kTokenKinds.size(); ++i) {
        writer.key(kTokenKinds[i]).unsigned_integer(served.tokens[i]);
    }
    writer.end_object();
}

// Requests without a route, or without an upstream, stand in the sum alone.
void write_each(json::Writer& writer,
                std::string_view name_key,
                const std::map<std::string, Served>& all) {
    writer.begin_array();
    for (const auto& [name, served] : all) {
        if (name.empty()) {
            continue;
        }
        writer.begin_object().key(name_key).string(name);
        write_served(writer, served);
        writer.end_object();
    }
    writer.end_array();
}

// By the names that clients used, which are known of no more than metrics.models_max.
void write_models(json::Writer& writer, std::span<const MetricStore* const> stores) {
    struct Model {
        uint64_t requests = 0;
        uint64_t prompt = 0;
        uint64_t completion = 0;
    };
    std::map<std::string, Model> models;
    for (const auto& [labels, sum] : MetricSums::of(MetricId::model_requests_total, stores)) {
        models[labels[0]].requests += sum.counter;
    }
    for (const auto& [labels, sum] : MetricSums::of(MetricId::model_tokens_total, stores)) {
        Model& model = models[labels[0]];
        (labels[1] == "prompt" ? model.prompt : model.completion) += sum.counter;
    }
    writer.begin_array();
    for (const auto& [name, model] : models) {
        writer.begin_object()
            .key("model")
            .string(name)
            .key("requests")
            .unsigned_integer(model.requests)
            .key("tokens")
            .begin_object()
            .key("prompt")
            .unsigned_integer(model.prompt)
            .key("completion")
            .unsigned_integer(model.completion)
            .end_object()
            .end_object();
    }
    writer.end_array();
}

}  // namespace

coro::Task<AdminAnswer> answer_stats(AdminCall& call) {
    const std::span<const MetricStore* const> stores = call.backend.metrics();
    const Stats stats = collect(stores);
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object()
        .key("uptime_seconds")
        .number(call.backend.facts().uptime.as_seconds())
        .key("in_flight")
        .unsigned_integer(in_flight(stores));
    write_served(writer, stats.all);
    constexpr double kMicro = 1e6;
    const auto costs = MetricSums::of(MetricId::cost_micro_usd_total, stores);
    writer.key("cost_usd");
    if (costs.empty()) {
        writer.null();
    } else {
        writer.number(static_cast<double>(total(costs)) / kMicro);
    }
    writer.key("cache")
        .begin_object()
        .key("hits")
        .unsigned_integer(total(MetricSums::of(MetricId::cache_hits_total, stores)))
        .key("misses")
        .unsigned_integer(total(MetricSums::of(MetricId::cache_misses_total, stores)))
        .end_object();
    writer.key("routes");
    write_each(writer, "route", stats.routes);
    writer.key("upstreams");
    write_each(writer, "upstream", stats.upstreams);
    writer.key("models");
    write_models(writer, stores);
    writer.end_object();
    text.finish();
    co_return answer;
}

}  // namespace sluice::server
