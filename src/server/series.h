// What an exchange adds to, kept as references: series of routes, of models, of pairs of dialects.
//
// An exchange that ends finds its cells here without a search through a store. One shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/metrics.h"
#include "pipeline/exchange_record.h"
#include "providers/dialect.h"

namespace sluice::server {

// Of one route and upstream. Rare things (errors, odd statuses) are looked up.
struct RouteSeries {
    RouteSeries(MetricStore& store, std::string_view route_name, std::string_view upstream_name);

    // Everything that is a time, or goes by one.
    void add_times(const pipeline::ExchangeRecord& record, int64_t wall_clock_ns);

    std::string route;
    std::string upstream;
    Counter& ok;
    Counter& failures;
    Counter& successes;
    Histogram& duration;
    Histogram& first_byte;
    Histogram& overhead;
    Histogram& receive;
    Histogram& connect;
    Histogram& wait;
    Histogram& relay;
    Histogram& first_token;
    Histogram& inter_token;
    Histogram& token_rate;
    Counter& request_bytes;
    Counter& response_bytes;
    Counter& events;
    Counter& prompt;
    Counter& cached;
    Counter& completion;
    Counter& reasoning;
    Counter& cost;
    Counter& unpriced;

private:
    void add_stream(const pipeline::ExchangeRecord& record);
};

// Of the models that clients name. The names are theirs to choose, so their number has a limit, and
// a name gets series of its own only when a request for it has succeeded.
class ModelSeries {
public:
    explicit ModelSeries(MetricStore& store);

    // Those that have series keep them.
    void set_limit(uint32_t models_max) { models_max_ = models_max; }
    void add(const pipeline::ExchangeRecord& record, bool is_success);

private:
    struct Cells {
        Cells(MetricStore& store, std::string_view model);

        Counter& requests;
        Counter& prompt;
        Counter& completion;
    };
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view name) const {
            return std::hash<std::string_view>()(name);
        }
    };

    Cells& cells_for(std::string_view model, bool is_success);

    MetricStore& store_;
    uint32_t models_max_ = 0;
    std::unordered_map<std::string, Cells, Hash, std::equal_to<>> cells_;
    Cells other_;
};

// Of pairs of dialects, the client's and the upstream's; each appears with its first exchange.
class DialectSeries {
public:
    explicit DialectSeries(MetricStore& store) : store_(store) {}

    void add(const pipeline::ExchangeRecord& record);

private:
    MetricStore& store_;
    std::array<std::array<Counter*, providers::kDialects>, providers::kDialects> cells_ = {};
};

}  // namespace sluice::server
