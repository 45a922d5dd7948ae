// ShardTelemetry: what one shard's exchanges add to the metrics, the access log and the ledger.
//
// Series are looked up when a snapshot arrives and kept as references, so an exchange that ends
// costs some additions and one formatted line, and an entry of the ledger where there is one. One
// shard; the cells are read by scrapes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log_writer.h"
#include "base/metrics.h"
#include "cache/response_cache.h"
#include "config/config.h"
#include "ledger/lane.h"
#include "net/shard.h"
#include "pipeline/exchange_record.h"
#include "pipeline/options.h"
#include "server/access_log.h"
#include "server/options.h"
#include "server/recent_exchanges.h"
#include "server/series.h"
#include "trace/lane.h"
#include "trace/sampling.h"

namespace sluice::server {

class ShardTelemetry final : public pipeline::Telemetry {
public:
    // `access_log`, `ledger`, `traces`: null when it is off.
    ShardTelemetry(net::Shard& shard,
                   LogLane* access_log,
                   AccessLogFormat format,
                   ledger::Lane* ledger,
                   trace::Lane* traces = nullptr);
    ~ShardTelemetry();

    // Names of routes and upstreams from now on.
    void use(const config::Config& config);

    void on_exchange_begin() override;
    void on_key_rest(std::string_view upstream, std::string_view why) override;
    void on_exchange_end(const pipeline::ExchangeRecord& record) override;

    uint32_t open_exchanges() const { return static_cast<uint32_t>(exchanges_.value()); }
    void on_client_connected(uint32_t open);
    void on_client_gone(uint32_t open);
    void on_connection_moved();
    void publish_accept_pauses(uint64_t pauses);
    // Of a request whose head was refused; no exchange was begun for it.
    void on_request_refused(const pipeline::ExchangeRecord& record);
    // Publishes what the engine counts by itself.
    void publish_engine();
    // Of this shard's part of the cache.
    void publish_cache(const cache::CacheStatistics& statistics);

    MetricStore& store() { return store_; }
    const RecentExchanges& recent() const { return recent_; }
    // Which exchanges are to take notes for their trace.
    const trace::Sampling& sampling() const { return sampling_; }
    // What they are to keep of each body; 0 where nobody would see it.
    uint32_t content_bytes_max() const { return content_bytes_max_; }

private:
    void add_route(std::string_view route, std::string_view target);
    RouteSeries& series_for(const pipeline::ExchangeRecord& record);
    void count(const pipeline::ExchangeRecord& record);
    void count_retries(const pipeline::ExchangeRecord& record, const RouteSeries& series);
    void count_hedge(const pipeline::ExchangeRecord& record);
    void count_queue(const pipeline::ExchangeRecord& record);
    void count_processors(const RouteSeries& series, const pipeline::ExchangeRecord& record);
    void count_cost(RouteSeries& series, const pipeline::ExchangeRecord& record);
    void add_cost(Counter& counter, int64_t pico_usd);
    void log(const pipeline::ExchangeRecord& record);
    void keep(const pipeline::ExchangeRecord& record);
    void trace(const pipeline::ExchangeRecord& record);
    void use_content(const pipeline::ContentCaptureOptions& options);

    net::Shard& shard_;
    LogLane* access_log_;
    AccessLogLine line_;
    ledger::Lane* ledger_;
    trace::Lane* traces_;
    trace::Sampling sampling_;
    RecentExchanges recent_;
    bool traces_content_ = false;
    uint32_t content_bytes_max_ = 0;
    bool is_https_ = false;
    const std::string shard_name_;
    MetricStore store_;
    // Of each route, by upstream, that of its target_llm first; the last route is for none.
    std::vector<std::vector<std::unique_ptr<RouteSeries>>> routes_;
    // What is not yet a millionth of a dollar, by the counter of cost that it belongs to.
    std::map<const Counter*, int64_t> pico_rests_;
    ModelSeries models_;
    DialectSeries dialects_;
    Gauge& exchanges_;
    Gauge& connections_;
    Counter& connections_total_;
    Counter& moved_;
    Counter& cache_joins_;
};

}  // namespace sluice::server
