// Every place that a route of a configuration can name, as one shard sees it: each upstream by
// itself, and each pool.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "pipeline/llm_target.h"
#include "pipeline/target_pool.h"
#include "server/runtime_config.h"

namespace sluice::server {

using TargetPools = std::vector<std::unique_ptr<pipeline::TargetPool>>;

// `llms`: the upstreams in the order of the configuration, which outlives what is made of it.
TargetPools make_target_pools(const RuntimeConfig& config,
                              std::span<const pipeline::LlmTarget> llms);

// The one of that name; the configuration was checked, so it is there.
const pipeline::TargetPool& pool_of(const TargetPools& pools, std::string_view name);

}  // namespace sluice::server
