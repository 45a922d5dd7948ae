// Config: every setting of the gateway, composed of the options structs of the rooms.
//
// Built wholly by load.h and never changed afterwards; shards hold it through snapshot.h. The rooms
// get their own structs and never see this one.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "access/options.h"
#include "balance/options.h"
#include "cache/options.h"
#include "ledger/options.h"
#include "pipeline/options.h"
#include "pipeline/processor_options.h"
#include "providers/price_options.h"
#include "server/options.h"
#include "trace/options.h"
#include "upstream/options.h"

namespace sluice::config {

// Far above what people write, and low enough that comparing each with each takes no time.
inline constexpr size_t kUpstreamsMax = 1024;
inline constexpr size_t kPoolsMax = 1024;
inline constexpr size_t kRoutesMax = 4096;
inline constexpr size_t kProcessorsMax = 1024;
inline constexpr size_t kKeysMax = 10'000;  // More belong into the file of keys.
inline constexpr size_t kTenantsMax = 10'000;

struct Config {
    server::ServerOptions server;
    ledger::LedgerOptions ledger;
    providers::PriceOptions prices;
    trace::TraceOptions traces;
    server::AdminOptions admin;
    std::vector<upstream::UpstreamOptions> upstreams;  // In the order of the file; names differ.
    std::vector<balance::PoolOptions> pools;           // Likewise; no llm has their names.
    std::vector<pipeline::RouteOptions> routes;        // In the order of the file.
    // In the order of the file; names differ.
    std::vector<pipeline::ProcessorOptions> processors;
    access::KeyStoreOptions keys;
    std::vector<access::KeyOptions> virtual_keys;  // In the order of the file; names differ.
    std::vector<access::TenantOptions> tenants;    // Likewise.
    cache::CacheOptions cache;

    // Null when there is none of that name.
    const upstream::UpstreamOptions* find_upstream(std::string_view name) const {
        for (const upstream::UpstreamOptions& upstream : upstreams) {
            if (upstream.name == name) {
                return &upstream;
            }
        }
        return nullptr;
    }

    const balance::PoolOptions* find_pool(std::string_view name) const {
        for (const balance::PoolOptions& pool : pools) {
            if (pool.name == name) {
                return &pool;
            }
        }
        return nullptr;
    }

    // What a route's target_llm may lead to, fallbacks aside: the llm, or the targets of the pool.
    std::vector<const upstream::UpstreamOptions*> targets_of(std::string_view name) const {
        std::vector<const upstream::UpstreamOptions*> found;
        if (const upstream::UpstreamOptions* one = find_upstream(name)) {
            found.push_back(one);
        } else if (const balance::PoolOptions* pool = find_pool(name)) {
            for (const balance::TargetOptions& target : pool->targets) {
                if (const upstream::UpstreamOptions* member = find_upstream(target.llm)) {
                    found.push_back(member);
                }
            }
        }
        return found;
    }

    const pipeline::ProcessorOptions* find_processor(std::string_view name) const {
        for (const pipeline::ProcessorOptions& processor : processors) {
            if (processor.name == name) {
                return &processor;
            }
        }
        return nullptr;
    }

    bool operator==(const Config&) const = default;
};

}  // namespace sluice::config
