// DerivedMetrics: families that a scrape makes out of those of the table, while it walks them.
//
// The llm_* names are those that LLM gateways publish, for dashboards that know them; the shards'
// imbalance is a ratio that no shard knows alone. Nothing of it is counted on the data path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/metric_families.h"
#include "base/metric_writer.h"
#include "base/metrics.h"

namespace sluice {

class DerivedMetrics {
public:
    // Every series of every family of the table, as it is printed.
    void see(MetricId id, const MetricSums::LabelValues& labels, const MetricSum& sum);
    // After the last one.
    void append(std::string& text, MetricsFormat format) const;

private:
    // A level of the shards: how far the fullest is above their mean.
    struct Spread {
        int64_t sum = 0;
        int64_t maximum = 0;
        int64_t shards = 0;

        void add(int64_t value);
        // In thousandths; 1000 when the shards have the same, or none of them anything.
        int64_t ratio() const;
    };

    uint64_t requests_ = 0;
    uint64_t successes_ = 0;
    uint64_t failures_ = 0;
    uint64_t prompt_tokens_ = 0;
    uint64_t completion_tokens_ = 0;
    uint64_t cache_hits_ = 0;
    uint64_t cache_misses_ = 0;
    MetricSum duration_;
    Spread exchanges_;
    Spread connections_;
};

}  // namespace sluice
