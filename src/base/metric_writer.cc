// Numbers, names and escapes of both formats.
#include "base/metric_writer.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/metric_families.h"
#include "base/metrics.h"
#include "base/time.h"

namespace sluice {

namespace {

using LabelValues = MetricSums::LabelValues;

constexpr std::string_view kTotal = "_total";
// How many places after the point a cell has.
constexpr size_t kNsPlaces = 9;
constexpr size_t kRatePlaces = 3;
constexpr size_t kMsPlaces = 3;
constexpr int64_t kNsPerMs = 1'000'000;

template <class T>
void append_number(std::string& text, T value) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    text.append(digits, end);
}

// A plain decimal number, without zeros at the end.
void append_trimmed(std::string& text, int64_t value, size_t places) {
    if (value < 0) {
        text += '-';
        value = -value;
    }
    char digits[kNsPlaces];
    size_t count = places;
    for (size_t i = places; i > 0; --i) {
        digits[i - 1] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    append_number(text, value);
    while (count > 0 && digits[count - 1] == '0') {
        --count;
    }
    if (count > 0) {
        text += '.';
        text.append(digits, count);
    }
}

size_t places_of(MetricUnit unit) {
    switch (unit) {
        case MetricUnit::seconds:
        case MetricUnit::ratio:
            return kNsPlaces;
        case MetricUnit::rate:
            return kRatePlaces;
        case MetricUnit::none:
        case MetricUnit::bytes:
            break;
    }
    return 0;
}

// Of help texts; label values have quotes to escape as well, and so has all of OpenMetrics.
void append_escaped(std::string& text, std::string_view value, bool escapes_quotes) {
    for (const char c : value) {
        if (c == '\n') {
            text += "\\n";
        } else {
            if (c == '\\' || (c == '"' && escapes_quotes)) {
                text += '\\';
            }
            text += c;
        }
    }
}

std::string_view type_name(MetricType type) {
    switch (type) {
        case MetricType::counter:
            return "counter";
        case MetricType::gauge:
            return "gauge";
        case MetricType::histogram:
            return "histogram";
    }
    return "unknown";
}

// As OpenMetrics has a counter: empty when it can have none of that name.
std::string_view open_counter_name(std::string_view name) {
    if (!name.ends_with(kTotal)) {
        return {};
    }
    name.remove_suffix(kTotal.size());
    return std::ranges::find(kMetricFamilies, name, &MetricFamily::name) == kMetricFamilies.end()
               ? name
               : std::string_view();
}

}  // namespace

void MetricWriter::append_head() {
    std::string_view name = family_.name;
    std::string_view type = type_name(family_.type);
    if (is_open_ && family_.type == MetricType::counter) {
        const std::string_view counter_name = open_counter_name(name);
        name = counter_name.empty() ? name : counter_name;
        type = counter_name.empty() ? std::string_view("unknown") : type;
    }
    text_ += "# HELP ";
    text_ += name;
    text_ += ' ';
    append_escaped(text_, family_.help, is_open_);
    text_ += "\n# TYPE ";
    text_ += name;
    text_ += ' ';
    text_ += type;
    text_ += '\n';
}

void MetricWriter::append_series(const LabelValues& labels, const MetricSum& merged) {
    switch (family_.type) {
        case MetricType::counter:
            append_name("", labels);
            append_number(text_, merged.counter);
            text_ += '\n';
            break;
        case MetricType::gauge:
            append_name("", labels);
            append_value(merged.gauge);
            text_ += '\n';
            break;
        case MetricType::histogram:
            append_histogram(labels, merged);
            break;
    }
}

void MetricWriter::append_name(std::string_view suffix,
                               const LabelValues& labels,
                               std::string_view bound) {
    text_ += family_.name;
    text_ += suffix;
    char separator = '{';
    const auto append_label = [&](std::string_view name, std::string_view value) {
        text_ += separator;
        separator = ',';
        text_ += name;
        text_ += "=\"";
        append_escaped(text_, value, true);
        text_ += '"';
    };
    for (size_t i = 0; i < labels.size(); ++i) {
        append_label(family_.labels[i], labels[i]);
    }
    if (!bound.empty()) {
        append_label("le", bound);
    }
    text_ += separator == ',' ? "} " : " ";
}

void MetricWriter::append_value(int64_t value) {
    append_trimmed(text_, value, places_of(family_.unit));
}

void MetricWriter::append_histogram(const LabelValues& labels, const MetricSum& merged) {
    const Histogram bounds(Duration::microseconds(family_.first_bound_us));
    uint64_t count = 0;
    std::string bound;
    for (size_t i = 0; i < merged.buckets.size(); ++i) {
        count += merged.buckets[i];
        bound.clear();
        if (i < Histogram::kBounds) {
            append_trimmed(bound, bounds.bound(i).ns(), places_of(family_.unit));
            if (is_open_ && bound.find('.') == std::string::npos) {
                bound += ".0";  // As OpenMetrics writes every bound.
            }
        } else {
            bound = "+Inf";
        }
        append_name("_bucket", labels, bound);
        append_number(text_, count);
        if (is_open_ && merged.buckets[i] > 0) {
            append_exemplar(merged, i);
        }
        text_ += '\n';
    }
    append_name("_sum", labels);
    append_value(static_cast<int64_t>(merged.sum_ns));
    text_ += '\n';
    append_name("_count", labels);
    append_number(text_, count);
    text_ += '\n';
}

// The newest one of all shards.
void MetricWriter::append_exemplar(const MetricSum& merged, size_t bucket) {
    std::optional<Exemplar::Seen> newest;
    for (const Histogram* cell : merged.exemplars_of) {
        std::optional<Exemplar::Seen> seen = cell->exemplar(bucket).read();
        if (seen && (!newest || seen->wall_clock_ns > newest->wall_clock_ns)) {
            newest = std::move(seen);
        }
    }
    if (newest) {
        text_ += " # {request_id=\"";
        append_escaped(text_, newest->id, true);
        text_ += "\"} ";
        append_value(newest->value_ns);
        text_ += ' ';
        append_trimmed(text_, newest->wall_clock_ns / kNsPerMs, kMsPlaces);
    }
}

}  // namespace sluice
