// ProcessMetrics: what is counted once per process and by no shard.
//
// Written by the control thread; scrapes on the shards read it as they read each other's cells.
#pragma once

#include <cstdint>

#include "base/metrics.h"
#include "base/time.h"
#include "ledger/ledger.h"
#include "server/pool_metrics.h"
#include "server/pools.h"

namespace sluice::server {

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
class TraceExporter;

class ProcessMetrics {
public:
    // Every series is there from the start, so that its first step is seen as one.
    ProcessMetrics();

    void set_start_time(int64_t wall_clock_ns);
    // A reload of the configuration has ended.
    void on_reload(bool is_accepted);
    // Totals of the process's own log and of its writer.
    void publish_logs(uint64_t dropped_lines, uint64_t write_errors);

    void publish_ledger(const ledger::Ledger& ledger);
    void publish_traces(const TraceExporter& exporter);

    // In every turn; looks at them when it is time.
    void publish_pools(const Pools& pools, Instant now) { pools_.publish(pools, now); }

    const MetricStore& store() const { return store_; }

private:
    MetricStore store_;
    PoolMetrics pools_{store_};
    Gauge& start_time_;
    Counter& reloads_ok_;
    Counter& reloads_refused_;
    Counter& log_dropped_;
    Counter& log_write_errors_;
    Counter& ledger_written_;
    Counter& ledger_dropped_;
    Counter& ledger_failures_;
    Counter& spans_exported_;
    Counter& spans_dropped_by_queue_;
    Counter& spans_dropped_by_export_;
    Counter& trace_failures_;
};

}  // namespace sluice::server
