// Steps of a scrape: the series of a family are added up, then printed, then comes the next one.
#include "base/metrics_text.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/metric_families.h"
#include "base/metric_series.h"
#include "base/metric_writer.h"
#include "base/metrics.h"
#include "base/text.h"

namespace sluice {

namespace {

constexpr std::string_view kOpenMetrics = "application/openmetrics-text";

size_t lines_of(const MetricFamily& family) {
    return family.type == MetricType::histogram ? Histogram::kBounds + 3 : 1;
}

}  // namespace

bool MetricsScrape::step(std::string& text) {
    size_t lines = kLinesPerStep;
    while (lines > 0) {
        if (family_ == kMetricFamilies.size()) {
            derived_.append(text, format_);
            if (format_ == MetricsFormat::open_metrics) {
                text += "# EOF\n";
            }
            return false;
        }
        if (gather(lines) && print(text, lines)) {
            begin_family(family_ + 1);
        }
    }
    return true;
}

void MetricsScrape::begin_family(size_t index) {
    family_ = index;
    store_ = 0;
    series_ = nullptr;
    is_gathered_ = false;
    has_head_ = false;
}

// Adding a series up costs about as much as printing one of its lines.
bool MetricsScrape::gather(size_t& lines) {
    if (is_gathered_) {
        return true;
    }
    for (; store_ < stores_.size(); ++store_, series_ = nullptr) {
        const auto& first = stores_[store_]->first_[family_];
        const auto* series = series_ == nullptr ? first.load(std::memory_order_acquire)
                                                : series_->next.load(std::memory_order_acquire);
        for (; series != nullptr; series = series->next.load(std::memory_order_acquire)) {
            series->add_to(sums_[series->labels], kMetricFamilies[family_].merge);
            series_ = series;
            if (--lines == 0) {
                return false;
            }
        }
    }
    is_gathered_ = true;
    return true;
}

bool MetricsScrape::print(std::string& text, size_t& lines) {
    const MetricFamily& family = kMetricFamilies[family_];
    MetricWriter writer(text, family, format_);
    if (!has_head_ && !sums_.empty()) {
        writer.append_head();
        has_head_ = true;
    }
    while (!sums_.empty()) {
        if (lines == 0) {
            return false;
        }
        const auto next = sums_.begin();
        writer.append_series(next->first, next->second);
        derived_.see(static_cast<MetricId>(family_), next->first, next->second);
        sums_.erase(next);  // One by one, because freeing them all takes as long as a step.
        lines -= std::min(lines, lines_of(family));
    }
    return true;
}

// What Prometheus asks for. Anybody who names it takes it, whatever else they would take.
MetricsFormat MetricsScrape::format_for(std::string_view accept) {
    while (const std::optional<std::string_view> range = next_list_element(accept)) {
        const std::string_view type = trim_ows(range->substr(0, range->find(';')));
        const bool is_refused = range->find("q=0") != std::string_view::npos &&
                                range->find("q=0.") == std::string_view::npos;
        if (equals_ignoring_case(type, kOpenMetrics) && !is_refused) {
            return MetricsFormat::open_metrics;
        }
    }
    return MetricsFormat::prometheus;
}

std::string_view MetricsScrape::content_type(MetricsFormat format) {
    return format == MetricsFormat::open_metrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace sluice
