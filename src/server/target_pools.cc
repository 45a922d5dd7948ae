// Upstreams first, in their order; then the pools, whose fallbacks look at each other.
#include "server/target_pools.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>

#include "base/assert.h"
#include "pipeline/llm_target.h"
#include "pipeline/target_pool.h"
#include "server/runtime_config.h"

namespace sluice::server {

TargetPools make_target_pools(const RuntimeConfig& /*config*/,
                              std::span<const pipeline::LlmTarget> llms) {
    TargetPools pools;
    for (const pipeline::LlmTarget& llm : llms) {
        pools.push_back(std::make_unique<pipeline::TargetPool>(
            pipeline::TargetPool{.name = llm.name, .targets = {llm}}));
    }
    return pools;
}

const pipeline::TargetPool& pool_of(const TargetPools& pools, std::string_view name) {
    const auto found =
        std::ranges::find_if(pools, [&](const auto& pool) { return pool->name == name; });
    SLUICE_ASSERT(found != pools.end());
    return **found;
}

}  // namespace sluice::server
