// Metrics: counters, gauges and histograms that their shard writes and anybody may read.
//
// A cell is written by one thread only, so adding is a load and a store without a lock prefix.
// Which families there are stands in one table (base/metric_families.h). Series are made when a
// snapshot is built; the hot path holds references to cells. A scrape reads the cells of all
// shards and adds them up (here), and prints them (base/metrics_text.h).
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric_families.h"
#include "base/time.h"

namespace sluice {

// Only grows.
class Counter {
public:
    void add(uint64_t count = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }
    // For counts that are kept elsewhere and published now and then.
    void publish(uint64_t total) { value_.store(total, std::memory_order_relaxed); }
    uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<uint64_t> value_ = 0;
};

// A level. With a family in seconds the value is in nanoseconds.
class Gauge {
public:
    void add(int64_t count = 1) { set(value() + count); }
    void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
    int64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<int64_t> value_ = 0;
};

// A request that one bucket of a histogram has counted: the last one. Written by the histogram's
// thread with plain stores, read by scrapes, which see nothing while it changes.
class Exemplar {
public:
    // Longer ones are left out.
    static constexpr size_t kIdBytesMax = 48;

    struct Seen {
        std::string id;
        int64_t value_ns = 0;
        int64_t wall_clock_ns = 0;
    };

    void set(std::string_view id, Duration value, int64_t wall_clock_ns);
    std::optional<Seen> read() const;

private:
    std::atomic<uint32_t> version_ = 0;
    std::array<std::atomic<uint64_t>, kIdBytesMax / sizeof(uint64_t)> id_words_ = {};
    std::atomic<int64_t> value_ns_ = 0;
    std::atomic<int64_t> wall_clock_ns_ = 0;
};

// Log-linear: two buckets per doubling, so a bound is at most half as large again as the one below.
// Bounds are b, 1.5b, 2b, 3b, 4b, 6b ... for the family's first bound b: 46 of them reach from
// 100 us to 629 s, or from 1 us to 6.3 s. With a family of rates, a nanosecond stands for a
// thousandth.
class Histogram {
public:
    static constexpr size_t kBounds = 46;

    explicit Histogram(Duration first_bound) : half_bound_ns_(first_bound.ns() / 2) {}

    void record(Duration value) {
        buckets_[bucket_of(value)].add();
        sum_ns_.add(value.ns() > 0 ? static_cast<uint64_t>(value.ns()) : 0);
    }

    // From here on, record() with an id keeps an exemplar for each bucket.
    void keep_exemplars();
    void record(Duration value, std::string_view id, int64_t wall_clock_ns);
    bool has_exemplars() const { return exemplars_ != nullptr; }
    // When has_exemplars().
    const Exemplar& exemplar(size_t bucket) const { return (*exemplars_)[bucket]; }

    // The bound itself belongs to its bucket; the last one takes what is above all bounds.
    uint64_t count_in(size_t bucket) const { return buckets_[bucket].value(); }
    Duration bound(size_t bucket) const;
    uint64_t sum_ns() const { return sum_ns_.value(); }
    size_t bucket_of(Duration value) const {
        if (value.ns() <= 2 * half_bound_ns_) {
            return 0;
        }
        // In half bounds, rounded up, less one: 2, 3, 4-5, 6-7, 8-11, 12-15 ... are the buckets.
        const auto halves = static_cast<uint64_t>((value.ns() - 1) / half_bound_ns_);
        const auto doublings = static_cast<unsigned>(std::bit_width(halves)) - 2;
        const size_t bucket = 2 * doublings + 1 + ((halves >> doublings) & 1);
        return bucket < kBounds ? bucket : kBounds;
    }

private:
    const int64_t half_bound_ns_;
    std::array<Counter, kBounds + 1> buckets_;
    Counter sum_ns_;
    std::unique_ptr<std::array<Exemplar, kBounds + 1>> exemplars_;
};

// All series of one shard. The owner makes series and writes cells; other threads only read, while
// it goes on. Series are never removed, so references stay good and counters never go back.
class MetricStore {
public:
    MetricStore();
    ~MetricStore();
    MetricStore(const MetricStore&) = delete;
    MetricStore& operator=(const MetricStore&) = delete;

    // Found or made. One value for each label of the family. Beyond the limit of series, all new
    // ones of a family share a single one, whose label values are "other".
    Counter& counter(MetricId id, std::initializer_list<std::string_view> label_values = {});
    Gauge& gauge(MetricId id, std::initializer_list<std::string_view> label_values = {});
    Histogram& histogram(MetricId id, std::initializer_list<std::string_view> label_values = {});

    size_t series_count() const { return series_count_; }

private:
    friend class MetricSums;
    friend class MetricsScrape;
    static constexpr size_t kSeriesMax = 8192;
    struct Series;

    Series& find_or_make(MetricId id, std::span<const std::string_view> label_values);
    Series& make(MetricId id, std::span<const std::string_view> label_values);

    std::array<std::atomic<Series*>, kMetricFamilies.size()> first_;
    std::array<Series*, kMetricFamilies.size()> last_ = {};
    size_t series_count_ = 0;
};

// One series, put together from the stores of all shards.
struct MetricSum {
    uint64_t counter = 0;
    int64_t gauge = 0;
    bool has_gauge = false;
    // Of a histogram; the last bucket is above all bounds.
    std::array<uint64_t, Histogram::kBounds + 1> buckets = {};
    uint64_t sum_ns = 0;
    // The cells of a histogram that keeps exemplars.
    std::vector<const Histogram*> exemplars_of;

    void add(const Gauge& cell, MetricMerge merge);
    void add(const Histogram& cell);
    // Another series of the same family.
    void add(const MetricSum& other);
    // How many values a histogram holds.
    uint64_t count() const;
};

// For whoever wants numbers in place of text.
class MetricSums {
public:
    using LabelValues = std::vector<std::string>;

    static std::map<LabelValues, MetricSum> of(MetricId id,
                                               std::span<const MetricStore* const> stores);
    // The value below which the part `share` of a histogram's values lies, estimated within its
    // bucket; zero when it has none.
    static Duration quantile(MetricId id, const MetricSum& sum, double share);
};

}  // namespace sluice
