// MetricsScrape: the answer to one scrape, from the stores of all shards, made bit by bit.
//
// Prometheus' text format 0.0.4, or OpenMetrics 1.0.0 for those who ask for it. Many series take
// milliseconds to print, and a shard has streams to serve meanwhile: whoever makes the answer on a
// shard lets a turn of its loop pass after each step.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/derived_metrics.h"
#include "base/metric_series.h"
#include "base/metric_writer.h"
#include "base/metrics.h"

namespace sluice {

class MetricsScrape {
public:
    // The stores outlive it.
    MetricsScrape(std::span<const MetricStore* const> stores, MetricsFormat format)
        : stores_(stores), format_(format) {}

    // Appends more; false when that was the end.
    bool step(std::string& text);

    // By the accept field of a request.
    static MetricsFormat format_for(std::string_view accept);
    static std::string_view content_type(MetricsFormat format);

private:
    // A fraction of a millisecond (bench/metrics_bench.cc).
    static constexpr size_t kLinesPerStep = 256;

    bool gather(size_t& lines);
    bool print(std::string& text, size_t& lines);
    void begin_family(size_t index);

    const std::span<const MetricStore* const> stores_;
    const MetricsFormat format_;
    DerivedMetrics derived_;
    // The family being put together, how far that is, and then what is not yet printed.
    size_t family_ = 0;
    size_t store_ = 0;
    const MetricStore::Series* series_ = nullptr;
    bool is_gathered_ = false;
    bool has_head_ = false;
    std::map<MetricSums::LabelValues, MetricSum> sums_;
};

}  // namespace sluice
