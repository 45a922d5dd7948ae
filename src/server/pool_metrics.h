// PoolMetrics: what pools know of their targets, as series on /metrics.
//
// The numbers lie in atomics that shards share, so that one thread publishes them for all: the
// control shard, in each of its turns. Series of targets that are gone stay, with the levels of
// rest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "balance/pool.h"
#include "balance/target.h"
#include "base/metrics.h"
#include "base/time.h"
#include "server/pools.h"

namespace sluice::server {

class PoolMetrics {
public:
    explicit PoolMetrics(MetricStore& store) : store_(store) {}

    void publish(const Pools& pools, Instant now);

private:
    struct Series {
        Gauge& breaker;
        Gauge& healthy;
        Gauge& in_flight;
        Gauge& prefill_tokens;
        Gauge& slowdown;
        Counter& selected;
        Counter& faults;
        Counter& pushbacks;
        Counter& ejections;
        uint64_t round = 0;  // When it was published last.
    };
    Series& series_of(const std::string& pool, const std::string& target);
    static void publish(Series& series, const balance::Target& target);
    void publish_queue(const balance::Pool& pool);

    MetricStore& store_;
    std::map<std::pair<std::string, std::string>, Series> series_;
    uint64_t round_ = 0;
    Instant next_;
};

}  // namespace sluice::server
