// ProcessTraces: the exporter of traces, if there is one, and the lanes that shards fill.
//
// Begun before any shard runs, ended after the last one. A reload changes what is kept, but not
// where it is sent: the exporter goes by the configuration of the start. Control shard.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "net/dns_resolver.h"
#include "net/shard.h"
#include "server/process_metrics.h"
#include "server/runtime_config.h"
#include "server/trace_exporter.h"
#include "trace/lane.h"

namespace sluice::server {

class ProcessTraces {
public:
    // Does nothing but to keep the configuration where there are to be no traces.
    void start(net::Shard& control, net::DnsResolver& resolver, const RuntimeConfigPtr& config);
    // Null without traces.
    trace::Lane* lane(size_t shard) { return lanes_.empty() ? nullptr : lanes_[shard]; }
    void publish(ProcessMetrics& metrics) const;
    // Turns the control shard until what the shards left is sent, or its time is over.
    void stop(net::Shard& control);
    // Before the control shard goes.
    void reset() { exporter_.reset(); }

private:
    RuntimeConfigPtr config_;
    std::optional<TraceExporter> exporter_;
    std::vector<trace::Lane*> lanes_;
};

}  // namespace sluice::server
