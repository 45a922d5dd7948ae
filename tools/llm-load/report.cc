// One table and one JSON object.
#include "llm-load/report.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"
#include "llm-kit/histogram.h"
#include "llm-load/metrics.h"
#include "llm-load/options.h"

namespace sluice::llm_load {

namespace {

using llm_kit::Histogram;

struct NamedHistogram {
    std::string_view title;
    std::string_view key;
    const Histogram& histogram;
};

std::string milliseconds(uint64_t ns) {
    return fmt::format("{:.3f}", static_cast<double>(ns) / 1e6);
}

void append_row(std::string& text, const NamedHistogram& row) {
    const Histogram& h = row.histogram;
    if (h.count() == 0) {
        return;
    }
    fmt::format_to(std::back_inserter(text), "  {:<14}{:>11}{:>11}{:>11}{:>11}{:>11}{:>12}\n",
                   row.title, milliseconds(h.percentile(50)), milliseconds(h.percentile(90)),
                   milliseconds(h.percentile(99)), milliseconds(h.percentile(99.9)),
                   milliseconds(h.max()), h.count());
}

double per_second(uint64_t count, Duration elapsed) {
    return static_cast<double>(count) / std::max(elapsed.as_seconds(), 1e-9);
}

void append_field(std::string& json, std::string_view key, std::string_view value) {
    fmt::format_to(std::back_inserter(json), "  \"{}\": {},\n", key, value);
}

void append_number(std::string& json, std::string_view key, uint64_t value) {
    append_field(json, key, fmt::format("{}", value));
}

std::string quoted(std::string_view text) {
    std::string json = "\"";
    append_json_escaped(json, text);
    return json + '"';
}

std::string histogram_json(const Histogram& h) {
    return fmt::format(
        "{{\"count\": {}, \"mean_ns\": {:.0f}, \"min_ns\": {}, \"p50_ns\": {}, \"p90_ns\": {}, "
        "\"p99_ns\": {}, \"p999_ns\": {}, \"max_ns\": {}}}",
        h.count(), h.mean(), h.min(), h.percentile(50), h.percentile(90), h.percentile(99),
        h.percentile(99.9), h.max());
}

std::string errors_json(const Metrics& metrics) {
    std::string json = "{";
    for (const auto& [kind, count] : metrics.errors) {
        fmt::format_to(std::back_inserter(json), "{}{}: {}", json.size() > 1 ? ", " : "",
                       quoted(kind), count);
    }
    return json + '}';
}

std::string examples_json(const Metrics& metrics) {
    std::string json = "[";
    for (const std::string& example : metrics.examples) {
        json += json.size() > 1 ? ", " : "";
        json += quoted(example);
    }
    return json + ']';
}

}  // namespace

std::string human_report(const LoadOptions& options, const Metrics& metrics, double cpu_seconds) {
    std::string text = fmt::format(
        "{}\n  {} connections, {}, {} {}\n", options.url, options.connections,
        options.is_open_loop() ? fmt::format("open loop at {}/s", options.rate_per_second)
                               : std::string("closed loop"),
        options.stream ? "streams of" : "answers of", fmt::format("{} tokens", options.tokens));
    fmt::format_to(std::back_inserter(text),
                   "  {:.2f} s: {} completed ({:.1f}/s), {} events ({:.1f}/s), {} left early, "
                   "{} errors\n  {:.1f} MB received, {:.1f} MB sent, {} connections opened\n\n",
                   metrics.elapsed().as_seconds(), metrics.completed,
                   per_second(metrics.completed, metrics.elapsed()), metrics.events,
                   per_second(metrics.events, metrics.elapsed()), metrics.aborted,
                   metrics.error_count(), static_cast<double>(metrics.body_bytes) / 1e6,
                   static_cast<double>(metrics.sent_bytes) / 1e6, metrics.connections);
    fmt::format_to(std::back_inserter(text), "  {:<14}{:>11}{:>11}{:>11}{:>11}{:>11}{:>12}\n",
                   "milliseconds", "p50", "p90", "p99", "p99.9", "max", "count");
    append_row(text, {options.stream ? "first event" : "first byte", "", metrics.first_event});
    append_row(text, {"event gap", "", metrics.gap});
    append_row(text, {"event transit", "", metrics.transit});
    append_row(text, {"whole answer", "", metrics.total});
    append_row(text, {"connect", "", metrics.connect});
    append_row(text, {"send lag", "", metrics.send_lag});
    fmt::format_to(std::back_inserter(text),
                   "\n  generator: {:.0f} % of a core over {} thread(s), longest turn {} ms\n",
                   100 * cpu_seconds / std::max(metrics.elapsed().as_seconds(), 1e-9),
                   options.shards, milliseconds(metrics.longest_turn_ns));
    for (const auto& [kind, count] : metrics.errors) {
        fmt::format_to(std::back_inserter(text), "  ERROR {}: {}\n", kind, count);
    }
    for (const std::string& example : metrics.examples) {
        fmt::format_to(std::back_inserter(text), "    {}\n", example);
    }
    return text;
}

std::string json_report(const LoadOptions& options, const Metrics& metrics, double cpu_seconds) {
    std::string json = "{\n";
    append_field(json, "url", quoted(options.url));
    append_number(json, "connections", options.connections);
    append_field(json, "stream", options.stream ? "true" : "false");
    append_field(json, "rate", fmt::format("{}", options.rate_per_second));
    append_field(json, "elapsed_s", fmt::format("{:.6f}", metrics.elapsed().as_seconds()));
    append_field(json, "cpu_s", fmt::format("{:.6f}", cpu_seconds));
    append_number(json, "started", metrics.started);
    append_number(json, "completed", metrics.completed);
    append_number(json, "aborted", metrics.aborted);
    append_number(json, "events", metrics.events);
    append_number(json, "body_bytes", metrics.body_bytes);
    append_number(json, "sent_bytes", metrics.sent_bytes);
    append_number(json, "connections_opened", metrics.connections);
    append_field(json, "requests_per_s",
                 fmt::format("{:.3f}", per_second(metrics.completed, metrics.elapsed())));
    append_field(json, "events_per_s",
                 fmt::format("{:.3f}", per_second(metrics.events, metrics.elapsed())));
    append_number(json, "turns", metrics.turns);
    append_number(json, "system_calls", metrics.system_calls);
    append_number(json, "longest_turn_ns", metrics.longest_turn_ns);
    append_field(json, "first_event", histogram_json(metrics.first_event));
    append_field(json, "gap", histogram_json(metrics.gap));
    append_field(json, "transit", histogram_json(metrics.transit));
    append_field(json, "total", histogram_json(metrics.total));
    append_field(json, "connect", histogram_json(metrics.connect));
    append_field(json, "send_lag", histogram_json(metrics.send_lag));
    append_field(json, "errors", errors_json(metrics));
    append_field(json, "examples", examples_json(metrics));
    append_number(json, "error_count", metrics.error_count());
    json.resize(json.size() - 2);  // The last comma.
    return json + "\n}\n";
}

}  // namespace sluice::llm_load
