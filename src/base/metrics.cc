// Series and their text. A scrape walks lists that their owners may be adding to: nodes are
// complete before they are linked, and never go away.
#include "base/metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/metric_families.h"
#include "base/time.h"

namespace sluice {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr size_t kNsDigits = 9;
constexpr std::string_view kOther = "other";

template <class T>
void append_number(std::string& text, T value) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    text.append(digits, end);
}

// Seconds as a plain decimal number, without zeros at the end.
void append_trimmed_seconds(std::string& text, int64_t nanoseconds) {
    if (nanoseconds < 0) {
        text += '-';
        nanoseconds = -nanoseconds;
    }
    append_number(text, nanoseconds / kNsPerSecond);
    char digits[kNsDigits];
    int64_t rest = nanoseconds % kNsPerSecond;
    for (size_t i = kNsDigits; i > 0; --i) {
        digits[i - 1] = static_cast<char>('0' + rest % 10);
        rest /= 10;
    }
    size_t count = kNsDigits;
    while (count > 0 && digits[count - 1] == '0') {
        --count;
    }
    if (count > 0) {
        text += '.';
        text.append(digits, count);
    }
}

// Of help texts; label values have quotes to escape as well.
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
    return "untyped";
}

using LabelValues = MetricSums::LabelValues;

// So that a search through many series seldom compares texts.
size_t hash_of(std::span<const std::string_view> values) {
    size_t hash = 0;
    for (const std::string_view value : values) {
        hash = std::rotl(hash, 7) ^ std::hash<std::string_view>()(value);
    }
    return hash;
}

// Writes the lines of one family.
class FamilyText {
public:
    FamilyText(std::string& text, const MetricFamily& family) : text_(text), family_(family) {}

    void append_head() {
        text_ += "# HELP ";
        text_ += family_.name;
        text_ += ' ';
        append_escaped(text_, family_.help, false);
        text_ += "\n# TYPE ";
        text_ += family_.name;
        text_ += ' ';
        text_ += type_name(family_.type);
        text_ += '\n';
    }

    void append_series(const LabelValues& labels, const MetricSum& merged) {
        switch (family_.type) {
            case MetricType::counter:
                append_name("", labels, {});
                append_number(text_, merged.counter);
                text_ += '\n';
                break;
            case MetricType::gauge:
                append_name("", labels, {});
                append_value(merged.gauge);
                break;
            case MetricType::histogram:
                append_histogram(labels, merged);
                break;
        }
    }

private:
    void append_name(std::string_view suffix, const LabelValues& labels, std::string_view bound) {
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

    void append_value(int64_t value) {
        if (family_.unit == MetricUnit::seconds) {
            append_trimmed_seconds(text_, value);
        } else {
            append_number(text_, value);
        }
        text_ += '\n';
    }

    void append_histogram(const LabelValues& labels, const MetricSum& merged) {
        const Histogram bounds(Duration::microseconds(family_.first_bound_us));
        uint64_t count = 0;
        std::string bound;
        for (size_t i = 0; i < merged.buckets.size(); ++i) {
            count += merged.buckets[i];
            bound.clear();
            if (i < Histogram::kBounds) {
                append_trimmed_seconds(bound, bounds.bound(i).ns());
            } else {
                bound = "+Inf";
            }
            append_name("_bucket", labels, bound);
            append_number(text_, count);
            text_ += '\n';
        }
        append_name("_sum", labels, {});
        append_trimmed_seconds(text_, static_cast<int64_t>(merged.sum_ns));
        text_ += '\n';
        append_name("_count", labels, {});
        append_number(text_, count);
        text_ += '\n';
    }

    std::string& text_;
    const MetricFamily& family_;
};

}  // namespace

Duration Histogram::bound(size_t bucket) const {
    const int64_t halves = bucket % 2 == 0 ? 2 : 3;
    return Duration::nanoseconds((halves * half_bound_ns_) << (bucket / 2));
}

struct MetricStore::Series {
    LabelValues labels;
    size_t hash = 0;
    // Only the cell of the family's type is used.
    Counter counter;
    Gauge gauge;
    std::unique_ptr<Histogram> histogram;
    std::atomic<Series*> next = nullptr;

    void add_to(MetricSum& merged, MetricMerge merge) const {
        merged.counter += counter.value();
        merged.add(gauge, merge);
        if (histogram != nullptr) {
            merged.add(*histogram);
        }
    }
};

MetricStore::MetricStore() {
    for (auto& first : first_) {
        first.store(nullptr, std::memory_order_relaxed);
    }
}

MetricStore::~MetricStore() {
    for (auto& first : first_) {
        Series* series = first.load(std::memory_order_relaxed);
        while (series != nullptr) {
            const std::unique_ptr<Series> owned(series);
            series = series->next.load(std::memory_order_relaxed);
        }
    }
}

Counter& MetricStore::counter(MetricId id, std::initializer_list<std::string_view> label_values) {
    SLUICE_ASSERT(metric_family(id).type == MetricType::counter);
    return find_or_make(id, label_values).counter;
}

Gauge& MetricStore::gauge(MetricId id, std::initializer_list<std::string_view> label_values) {
    SLUICE_ASSERT(metric_family(id).type == MetricType::gauge);
    return find_or_make(id, label_values).gauge;
}

Histogram& MetricStore::histogram(MetricId id,
                                  std::initializer_list<std::string_view> label_values) {
    SLUICE_ASSERT(metric_family(id).type == MetricType::histogram);
    return *find_or_make(id, label_values).histogram;
}

MetricStore::Series& MetricStore::find_or_make(MetricId id,
                                               std::span<const std::string_view> label_values) {
    SLUICE_ASSERT(label_values.size() == metric_family(id).label_count());
    const auto& first = first_[static_cast<size_t>(id)];
    const size_t hash = hash_of(label_values);
    for (Series* series = first.load(std::memory_order_relaxed); series != nullptr;
         series = series->next.load(std::memory_order_relaxed)) {
        if (series->hash == hash && std::ranges::equal(series->labels, label_values)) {
            return *series;
        }
    }
    const bool is_other =
        std::ranges::all_of(label_values, [](std::string_view value) { return value == kOther; });
    if (series_count_ >= kSeriesMax && !is_other) {
        std::array<std::string_view, kMetricLabelsMax> others;
        others.fill(kOther);
        return find_or_make(id, std::span(others).first(label_values.size()));
    }
    return make(id, label_values);
}

MetricStore::Series& MetricStore::make(MetricId id,
                                       std::span<const std::string_view> label_values) {
    const auto index = static_cast<size_t>(id);
    auto* series = new Series;  // Freed by the destructor, through the list.
    series->labels.assign(label_values.begin(), label_values.end());
    series->hash = hash_of(label_values);
    const MetricFamily& family = metric_family(id);
    if (family.type == MetricType::histogram) {
        series->histogram =
            std::make_unique<Histogram>(Duration::microseconds(family.first_bound_us));
    }
    std::atomic<Series*>& link = last_[index] != nullptr ? last_[index]->next : first_[index];
    link.store(series, std::memory_order_release);
    last_[index] = series;
    ++series_count_;
    return *series;
}

void MetricSum::add(const Gauge& cell, MetricMerge merge) {
    const int64_t value = cell.value();
    gauge = merge == MetricMerge::sum ? gauge + value : has_gauge ? std::max(gauge, value) : value;
    has_gauge = true;
}

void MetricSum::add(const Histogram& cell) {
    for (size_t i = 0; i < buckets.size(); ++i) {
        buckets[i] += cell.count_in(i);
    }
    sum_ns += cell.sum_ns();
}

void MetricSum::add(const MetricSum& other) {
    counter += other.counter;
    gauge += other.gauge;
    has_gauge = has_gauge || other.has_gauge;
    for (size_t i = 0; i < buckets.size(); ++i) {
        buckets[i] += other.buckets[i];
    }
    sum_ns += other.sum_ns;
}

uint64_t MetricSum::count() const {
    return std::accumulate(buckets.begin(), buckets.end(), uint64_t{0});
}

std::map<LabelValues, MetricSum> MetricSums::of(MetricId id,
                                                std::span<const MetricStore* const> stores) {
    const auto index = static_cast<size_t>(id);
    std::map<LabelValues, MetricSum> all;
    for (const MetricStore* store : stores) {
        const auto* series = store->first_[index].load(std::memory_order_acquire);
        for (; series != nullptr; series = series->next.load(std::memory_order_acquire)) {
            series->add_to(all[series->labels], kMetricFamilies[index].merge);
        }
    }
    return all;
}

Duration MetricSums::quantile(MetricId id, const MetricSum& sum, double share) {
    const Histogram bounds(Duration::microseconds(metric_family(id).first_bound_us));
    const double wanted = share * static_cast<double>(sum.count());
    double below = 0;
    for (size_t i = 0; i < sum.buckets.size(); ++i) {
        const auto here = static_cast<double>(sum.buckets[i]);
        if (here > 0 && below + here >= wanted) {
            const Duration low = i == 0 ? Duration() : bounds.bound(i - 1);
            // Above all bounds nothing is known but that.
            const Duration high = i < Histogram::kBounds ? bounds.bound(i) : low;
            const double part = (wanted - below) / here;
            return low + Duration::nanoseconds(
                             static_cast<int64_t>(part * static_cast<double>((high - low).ns())));
        }
        below += here;
    }
    return {};
}

void MetricsText::append(std::string& text, std::span<const MetricStore* const> stores) {
    for (size_t index = 0; index < kMetricFamilies.size(); ++index) {
        const auto all = MetricSums::of(static_cast<MetricId>(index), stores);
        if (all.empty()) {
            continue;
        }
        FamilyText lines(text, kMetricFamilies[index]);
        lines.append_head();
        for (const auto& [labels, merged] : all) {
            lines.append_series(labels, merged);
        }
    }
}

}  // namespace sluice
