// Series and their sums. A reader walks lists that their owners may be adding to: nodes are
// complete before they are linked, and never go away.
#include "base/metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/metric_families.h"
#include "base/metric_series.h"
#include "base/time.h"

namespace sluice {

namespace {

constexpr std::string_view kOther = "other";

using LabelValues = MetricSums::LabelValues;

// So that a search through many series seldom compares texts.
size_t hash_of(std::span<const std::string_view> values) {
    size_t hash = 0;
    for (const std::string_view value : values) {
        hash = std::rotl(hash, 7) ^ std::hash<std::string_view>()(value);
    }
    return hash;
}

}  // namespace

// --- Exemplar

// Words of a number that is odd while they change: a reader that saw it change sees nothing.
void Exemplar::set(std::string_view id, Duration value, int64_t wall_clock_ns) {
    if (id.size() > kIdBytesMax) {
        return;
    }
    std::array<char, kIdBytesMax> padded = {};
    std::ranges::copy(id, padded.begin());
    const uint32_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (size_t i = 0; i < id_words_.size(); ++i) {
        uint64_t word = 0;
        std::memcpy(&word, padded.data() + i * sizeof word, sizeof word);
        id_words_[i].store(word, std::memory_order_relaxed);
    }
    value_ns_.store(value.ns(), std::memory_order_relaxed);
    wall_clock_ns_.store(wall_clock_ns, std::memory_order_relaxed);
    version_.store(version + 2, std::memory_order_release);
}

std::optional<Exemplar::Seen> Exemplar::read() const {
    const uint32_t version = version_.load(std::memory_order_acquire);
    if (version == 0 || version % 2 != 0) {
        return std::nullopt;
    }
    std::array<char, kIdBytesMax> id;
    for (size_t i = 0; i < id_words_.size(); ++i) {
        const uint64_t word = id_words_[i].load(std::memory_order_relaxed);
        std::memcpy(id.data() + i * sizeof word, &word, sizeof word);
    }
    Seen seen;
    seen.value_ns = value_ns_.load(std::memory_order_relaxed);
    seen.wall_clock_ns = wall_clock_ns_.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (version_.load(std::memory_order_relaxed) != version) {
        return std::nullopt;
    }
    const std::string_view padded(id.data(), id.size());
    seen.id = padded.substr(0, padded.find('\0'));
    return seen;
}

void Histogram::keep_exemplars() {
    exemplars_ = std::make_unique<std::array<Exemplar, kBounds + 1>>();
}

void Histogram::record(Duration value, std::string_view id, int64_t wall_clock_ns) {
    record(value);
    if (exemplars_ != nullptr && !id.empty()) {
        (*exemplars_)[bucket_of(value)].set(id, value, wall_clock_ns);
    }
}

Duration Histogram::bound(size_t bucket) const {
    const int64_t halves = bucket % 2 == 0 ? 2 : 3;
    return Duration::nanoseconds((halves * half_bound_ns_) << (bucket / 2));
}

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
        if (family.has_exemplars) {
            series->histogram->keep_exemplars();
        }
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
    if (cell.has_exemplars()) {
        exemplars_of.push_back(&cell);
    }
}

void MetricSum::add(const MetricSum& other) {
    counter += other.counter;
    gauge += other.gauge;
    has_gauge = has_gauge || other.has_gauge;
    for (size_t i = 0; i < buckets.size(); ++i) {
        buckets[i] += other.buckets[i];
    }
    sum_ns += other.sum_ns;
    exemplars_of.insert(exemplars_of.end(), other.exemplars_of.begin(), other.exemplars_of.end());
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

}  // namespace sluice
