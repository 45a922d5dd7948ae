// MetricWriter: the lines of one family, in the text format of Prometheus or in OpenMetrics.
//
// OpenMetrics names a family of counters without its _total, and takes no two families of one name;
// a counter whose name then is a gauge's, or that has no _total to lose, is of unknown type there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/metric_families.h"
#include "base/metrics.h"

namespace sluice {

enum class MetricsFormat : uint8_t { prometheus, open_metrics };

class MetricWriter {
public:
    // Writes to the end of `text`; all three outlive the writer.
    MetricWriter(std::string& text, const MetricFamily& family, MetricsFormat format)
        : text_(text), family_(family), is_open_(format == MetricsFormat::open_metrics) {}

    void append_head();
    void append_series(const MetricSums::LabelValues& labels, const MetricSum& merged);

private:
    void append_name(std::string_view suffix,
                     const MetricSums::LabelValues& labels,
                     std::string_view bound = {});
    void append_value(int64_t value);
    void append_histogram(const MetricSums::LabelValues& labels, const MetricSum& merged);
    void append_exemplar(const MetricSum& merged, size_t bucket);

    std::string& text_;
    const MetricFamily& family_;
    const bool is_open_;
};

}  // namespace sluice
