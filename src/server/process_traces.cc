// One exporter, one lane a shard.
#include "server/process_traces.h"

#include <cstdint>

#include "base/time.h"
#include "net/dns_resolver.h"
#include "net/shard.h"
#include "server/process_metrics.h"
#include "server/runtime_config.h"
#include "trace/options.h"

namespace sluice::server {

namespace {

constexpr Duration kEndLook = Duration::milliseconds(20);

}  // namespace

void ProcessTraces::start(net::Shard& control,
                          net::DnsResolver& resolver,
                          const RuntimeConfigPtr& config) {
    config_ = config;
    const trace::TraceOptions& options = config_->config.traces;
    if (!options.enabled()) {
        return;
    }
    exporter_.emplace(control, resolver, options, config_->traces);
    for (uint32_t i = 0; i < config_->config.server.shards; ++i) {
        lanes_.push_back(&exporter_->add_lane());
    }
    exporter_->start();
}

void ProcessTraces::publish(ProcessMetrics& metrics) const {
    if (exporter_) {
        metrics.publish_traces(*exporter_);
    }
}

void ProcessTraces::stop(net::Shard& control) {
    if (!exporter_) {
        return;
    }
    exporter_->stop();
    while (!exporter_->is_idle()) {
        control.proactor().turn(kEndLook);
        control.mailbox().deliver_all();
    }
}

}  // namespace sluice::server
