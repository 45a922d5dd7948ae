// GET /v1/histograms: the times of all that was served, by bucket, for whoever wants percentiles of
// a period of his own: those of the difference between two answers.
//
// Read from the same cells as /metrics and added up over routes and upstreams. Buckets without a
// value are left out, so that the answer stays a few kilobytes.
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

struct Named {
    std::string_view name;
    MetricId id;
};

constexpr Named kWhole[] = {
    {"request_duration", MetricId::request_duration_seconds},
    {"time_to_first_byte", MetricId::time_to_first_byte_seconds},
    {"time_to_first_token", MetricId::time_to_first_token_seconds},
    {"inter_token", MetricId::inter_token_seconds},
    {"overhead", MetricId::overhead_seconds},
};
// Values of the third label of phase_seconds.
constexpr std::string_view kPhases[] = {"receive", "connect", "upstream", "relay"};

void write_histogram(json::Writer& writer, MetricId id, const MetricSum& sum) {
    constexpr double kNsPerSecond = 1e9;
    const Histogram bounds(Duration::microseconds(metric_family(id).first_bound_us));
    writer.begin_object()
        .key("count")
        .unsigned_integer(sum.count())
        .key("sum_seconds")
        .number(static_cast<double>(sum.sum_ns) / kNsPerSecond)
        .key("buckets")
        .begin_array();
    for (size_t i = 0; i < sum.buckets.size(); ++i) {
        if (sum.buckets[i] == 0) {
            continue;
        }
        const Duration above = i == 0 ? Duration() : bounds.bound(i - 1);
        writer.begin_object().key("above_seconds").number(above.as_seconds()).key("up_to_seconds");
        if (i < Histogram::kBounds) {
            writer.number(bounds.bound(i).as_seconds());
        } else {
            writer.null();
        }
        writer.key("count").unsigned_integer(sum.buckets[i]).end_object();
    }
    writer.end_array().end_object();
}

MetricSum whole(const std::map<MetricSums::LabelValues, MetricSum>& sums) {
    MetricSum all;
    for (const auto& [labels, sum] : sums) {
        all.add(sum);
    }
    return all;
}

void write_phases(json::Writer& writer, std::span<const MetricStore* const> stores) {
    std::map<std::string, MetricSum> phases;
    for (const auto& [labels, sum] : MetricSums::of(MetricId::phase_seconds, stores)) {
        phases[labels[2]].add(sum);
    }
    writer.key("phases").begin_object();
    for (const std::string_view phase : kPhases) {
        writer.key(phase);
        write_histogram(writer, MetricId::phase_seconds, phases[std::string(phase)]);
    }
    writer.end_object();
}

void write_upstreams(json::Writer& writer, std::span<const MetricStore* const> stores) {
    std::map<std::string, MetricSum> upstreams;
    for (const auto& [labels, sum] :
         MetricSums::of(MetricId::time_to_first_token_seconds, stores)) {
        upstreams[labels[1]].add(sum);
    }
    writer.key("upstreams").begin_array();
    for (const auto& [name, sum] : upstreams) {
        if (name.empty()) {
            continue;
        }
        writer.begin_object().key("upstream").string(name).key("time_to_first_token");
        write_histogram(writer, MetricId::time_to_first_token_seconds, sum);
        writer.end_object();
    }
    writer.end_array();
}

}  // namespace

coro::Task<AdminAnswer> answer_histograms(AdminCall& call) {
    const std::span<const MetricStore* const> stores = call.backend.metrics();
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object().key("uptime_seconds").number(call.backend.facts().uptime.as_seconds());
    for (const Named& named : kWhole) {
        writer.key(named.name);
        write_histogram(writer, named.id, whole(MetricSums::of(named.id, stores)));
    }
    write_phases(writer, stores);
    write_upstreams(writer, stores);
    writer.end_object();
    text.finish();
    co_return answer;
}

}  // namespace sluice::server
