// What providers can do and what they cost, as pools want to know it.
#include "server/pools.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/assert.h"
#include "base/time.h"
#include "config/config.h"
#include "pipeline/service.h"
#include "providers/price_table.h"
#include "providers/vendor.h"
#include "upstream/options.h"

namespace sluice::server {

namespace {

uint32_t capabilities_of(const upstream::UpstreamOptions& upstream) {
    if (upstream.is_simulated()) {
        return UINT32_MAX;  // It answers whatever it is asked.
    }
    const providers::Capabilities can = pipeline::configured_vendor(upstream).capabilities;
    uint32_t bits = 0;
    const auto add = [&bits](bool has, uint32_t bit) { bits |= has ? bit : 0U; };
    add(can.tools, balance::kTools);
    add(can.parallel_tools, balance::kParallelTools);
    add(can.vision, balance::kImages);
    add(can.json_schema, balance::kJsonSchema);
    add(can.reasoning, balance::kReasoning);
    add(can.stream && upstream.supports_streaming, balance::kStreaming);
    add(can.audio, balance::kAudio);
    add(can.files, balance::kDocuments);
    return bits;
}

// Where the pool does not say what a target costs, the table of prices may know.
void add_prices(balance::TargetOptions& target,
                const upstream::UpstreamOptions& upstream,
                const providers::PriceTable& prices) {
    constexpr double kPicoUsdPerMicroUsd = 1e6;
    if (target.model.empty()) {
        return;
    }
    const providers::Price* const price =
        prices.find({.prefixes = providers::price_prefixes(upstream.provider),
                     .upstream_model = target.model,
                     .reply_model = target.model});
    if (price == nullptr) {
        return;
    }
    // 10^-12 dollars for a token are 10^-6 dollars for a million of them.
    const providers::Rates& rates =
        price->rates(price->periods.back(), 0, providers::ServiceTier::standard);
    if (target.input_usd_per_million < 0 && rates.input >= 0) {
        target.input_usd_per_million = static_cast<double>(rates.input) / kPicoUsdPerMicroUsd;
    }
    if (target.output_usd_per_million < 0 && rates.output >= 0) {
        target.output_usd_per_million = static_cast<double>(rates.output) / kPicoUsdPerMicroUsd;
    }
}

const balance::Pool* running_pool(const Pools* running, std::string_view name) {
    if (running == nullptr) {
        return nullptr;
    }
    const auto found = std::ranges::find_if(
        *running, [&](const auto& pool) { return pool->options().name == name; });
    return found == running->end() ? nullptr : found->get();
}

using UpstreamsByName = std::unordered_map<std::string_view, const upstream::UpstreamOptions*>;

// Says what the targets can do, and fills in what they cost.
std::vector<uint32_t> look_up(balance::PoolOptions& pool,
                              const UpstreamsByName& upstreams,
                              const providers::PriceTable& prices) {
    std::vector<uint32_t> capabilities;
    capabilities.reserve(pool.targets.size());
    for (balance::TargetOptions& target : pool.targets) {
        const auto found = upstreams.find(target.llm);
        SLUICE_ASSERT(found != upstreams.end());
        capabilities.push_back(capabilities_of(*found->second));
        add_prices(target, *found->second, prices);
    }
    return capabilities;
}

}  // namespace

Pools make_pools(const config::Config& config,
                 const providers::PriceTable& prices,
                 const Pools* running,
                 Instant now,
                 uint64_t seed) {
    Pools pools;
    UpstreamsByName upstreams;
    for (const upstream::UpstreamOptions& upstream : config.upstreams) {
        upstreams.emplace(upstream.name, &upstream);
    }
    for (const balance::PoolOptions& options : config.pools) {
        balance::PoolOptions own = options;
        const std::vector<uint32_t> capabilities = look_up(own, upstreams, prices);
        pools.push_back(std::make_unique<balance::Pool>(std::move(own), capabilities,
                                                        running_pool(running, options.name), now,
                                                        seed + pools.size()));
    }
    return pools;
}

void drain_removed(const Pools& before, const Pools& now) {
    SLUICE_ASSERT(before.size() == now.size());
    for (size_t i = 0; i < before.size(); ++i) {
        std::unordered_set<const balance::TargetState*> kept;
        for (const balance::Target& target : now[i]->targets()) {
            kept.insert(target.state.get());
        }
        for (const balance::Target& target : before[i]->targets()) {
            if (!kept.contains(target.state.get())) {
                target.state->mode.store(balance::Mode::drained, std::memory_order_relaxed);
            }
        }
    }
}

void PoolKeeper::look(const Pools& pools, Instant now) {
    next_looks_.resize(pools.size());
    for (size_t i = 0; i < pools.size(); ++i) {
        if (now < next_looks_[i]) {
            continue;
        }
        pools[i]->judge(now);
        next_looks_[i] = now + Duration::milliseconds(pools[i]->options().outliers.interval_ms);
    }
}

}  // namespace sluice::server
