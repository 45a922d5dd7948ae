// One series of one shard, for those who walk the lists of a store: sums and scrapes.
//
// Complete before it is linked; its cells alone change afterwards.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "base/metric_families.h"
#include "base/metrics.h"

namespace sluice {

struct MetricStore::Series {
    MetricSums::LabelValues labels;
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

}  // namespace sluice
