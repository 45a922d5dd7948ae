// Upstreams first, in their order; then the pools, whose fallbacks look at each other.
#include "server/target_pools.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "base/assert.h"
#include "pipeline/llm_target.h"
#include "pipeline/target_pool.h"
#include "server/runtime_config.h"

namespace sluice::server {

namespace {

// Whether two requests of the same length could mean something different to its targets, or to
// their limits.
bool is_particular(const balance::Pool& pool) {
    const std::span<const balance::Target> targets = pool.targets();
    if (targets.empty()) {
        return false;
    }
    const uint32_t all = targets.front().capabilities;
    return std::ranges::any_of(targets, [&](const balance::Target& target) {
        return target.capabilities != all || !target.options.lacks.empty() ||
               target.options.context_tokens_max > 0 || target.options.tokens_per_minute_max > 0;
    });
}

using LlmsByName = std::unordered_map<std::string_view, const pipeline::LlmTarget*>;

pipeline::TargetPool view_of(const balance::Pool& pool,
                             std::span<const pipeline::LlmTarget> llms,
                             const LlmsByName& by_name) {
    pipeline::TargetPool view = {.name = pool.options().name, .pool = &pool, .targets = {}};
    view.is_particular = is_particular(pool);
    for (const balance::Target& target : pool.targets()) {
        const auto llm = by_name.find(target.options.llm);
        SLUICE_ASSERT(llm != by_name.end());
        view.targets.push_back(*llm->second);
        view.targets.back().model = target.options.model;
    }
    // Nobody is given a request there; until that is found out, something must speak for it.
    if (view.targets.empty()) {
        const auto likely = by_name.find(pool.options().discovery.target.llm);
        view.targets.push_back(likely == by_name.end() ? llms.front() : *likely->second);
    }
    return view;
}

std::vector<const pipeline::TargetPool*> named(const TargetPools& pools,
                                               std::span<const std::string> names) {
    std::vector<const pipeline::TargetPool*> found;
    found.reserve(names.size());
    for (const std::string& name : names) {
        found.push_back(&pool_of(pools, name));
    }
    return found;
}

}  // namespace

TargetPools make_target_pools(const RuntimeConfig& config,
                              std::span<const pipeline::LlmTarget> llms) {
    TargetPools pools;
    LlmsByName by_name;
    for (const pipeline::LlmTarget& llm : llms) {
        by_name.emplace(llm.name, &llm);
        pools.push_back(std::make_unique<pipeline::TargetPool>(
            pipeline::TargetPool{.name = llm.name, .targets = {llm}}));
    }
    for (const std::unique_ptr<balance::Pool>& shared : config.pools) {
        pools.push_back(std::make_unique<pipeline::TargetPool>(view_of(*shared, llms, by_name)));
    }
    for (const auto& pool : pools) {
        if (pool->pool != nullptr) {
            const balance::PoolOptions& options = pool->pool->options();
            pool->fallbacks = named(pools, options.fallbacks);
            pool->longer_context = named(pools, options.context_fallbacks);
            pool->other_filter = named(pools, options.content_fallbacks);
        }
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
