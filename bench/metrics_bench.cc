// What a scrape costs: ten thousand series from two shards, in all and in the longest of its steps,
// which is what a stream of the same shard may have to wait.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/metric_families.h"
#include "base/metric_writer.h"
#include "base/metrics.h"
#include "base/metrics_text.h"
#include "base/time.h"

namespace sluice {
namespace {

constexpr size_t kLinesOfHistogram = Histogram::kBounds + 3;

// `lines` series as Prometheus counts them: each bucket of a histogram is one.
void fill(MetricStore& store, size_t lines) {
    for (size_t i = 0; i < lines / 2 / kLinesOfHistogram; ++i) {
        Histogram& cell = store.histogram(MetricId::request_duration_seconds,
                                          {"/v1/chat/" + std::to_string(i), "openai"});
        for (int64_t value = 1; value < 1'000'000; value *= 2) {
            cell.record(Duration::microseconds(value), "req_0123456789abcdef", value);
        }
    }
    for (size_t i = 0; i < lines / 2; ++i) {
        store.counter(MetricId::model_requests_total, {"a-model-" + std::to_string(i)}).add(i);
    }
}

// Of this thread alone, whatever else the machine does.
int64_t cpu_ns() {
    timespec now = {};
    // NOLINTNEXTLINE(misc-include-cleaner): <ctime> is where it is declared.
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void scrape(benchmark::State& state, MetricsFormat format) {
    MetricStore one;
    MetricStore two;
    fill(one, static_cast<size_t>(state.range(0)));
    fill(two, static_cast<size_t>(state.range(0)));
    const std::vector<const MetricStore*> stores = {&one, &two};
    int64_t longest_step_ns = 0;
    std::ptrdiff_t most_lines = 0;
    for (auto _ : state) {
        MetricsScrape steps(stores, format);
        std::string text;
        bool is_more = true;
        while (is_more) {
            const size_t before = text.size();
            const int64_t began_ns = cpu_ns();
            is_more = steps.step(text);
            longest_step_ns = std::max(longest_step_ns, cpu_ns() - began_ns);
            const auto written = std::string_view(text).substr(before);
            most_lines = std::max(most_lines, std::ranges::count(written, '\n'));
        }
        benchmark::DoNotOptimize(text.data());
    }
    state.counters["longest_step_us"] = static_cast<double>(longest_step_ns) / 1e3;
    state.counters["lines_of_a_step"] = static_cast<double>(most_lines);
}

void scrape_text(benchmark::State& state) {
    scrape(state, MetricsFormat::prometheus);
}

void scrape_open_metrics(benchmark::State& state) {
    scrape(state, MetricsFormat::open_metrics);
}

BENCHMARK(scrape_text)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(scrape_open_metrics)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
