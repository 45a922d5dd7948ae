// Snapshot: one configuration compiled for one shard. Immutable; an exchange keeps the one that it
// began with, so a reload never changes the rules under a request.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/local_ptr.h"
#include "http/options.h"
#include "pipeline/chain.h"
#include "pipeline/options.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "pipeline/target_pool.h"
#include "providers/price_table.h"
#include "trace/sampling.h"

namespace sluice::pipeline {

struct CorsPolicy {
    std::vector<std::string> allowed_origins;  // "*" takes all.
    uint32_t max_age_s = 7200;
};

class Snapshot : public LocallyCounted {
public:
    Snapshot(std::shared_ptr<const void> config,
             std::vector<std::unique_ptr<Service>> compiled_services,
             ChainSet compiled_chains,
             std::vector<std::unique_ptr<TargetPool>> compiled_pools,
             std::vector<Route> compiled_routes)
        : keep_alive(std::move(config)),
          services(std::move(compiled_services)),
          chains(std::move(compiled_chains)),
          pools(std::move(compiled_pools)),
          routes(std::move(compiled_routes)),
          table(routes) {}

    const std::shared_ptr<const void> keep_alive;          // What the options below are part of.
    const std::vector<std::unique_ptr<Service>> services;  // By the index of their upstream.
    const ChainSet chains;
    const std::vector<std::unique_ptr<TargetPool>> pools;
    const std::vector<Route> routes;
    const RouteTable table;
    http::ServerConnectionOptions connections;
    CorsPolicy cors;
    RemoteContentOptions remote_content;
    const providers::PriceTable* prices = nullptr;  // Part of `keep_alive`; null prices nothing.
    bool trusts_reported_costs = false;  // What an upstream says of the cost counts instead.
    bool accepts_request_ids = true;
    bool sends_server_timing = true;
    trace::Sampling sampling;
    uint32_t content_bytes_max = 0;  // Kept of each body; 0 keeps nothing.
};

}  // namespace sluice::pipeline
