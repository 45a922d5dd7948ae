// RouteTable: from a path and a model to a route, compiled once per snapshot and shard.
//
// The longest path prefix wins, on whole segments; within it an exact model wins over the longest
// model prefix, and that over a route for all models. Immutable after it was built.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/client_call.h"
#include "pipeline/llm_target.h"
#include "pipeline/options.h"
#include "pipeline/target_pool.h"

namespace sluice::pipeline {

class Chain;

// What lives as long as the snapshot is pointed to.
struct Route {
    const RouteOptions* options;
    const TargetPool* pool;
    const Chain* chain;  // Null when no processor runs.
    uint32_t index;      // In the order of the configuration; metrics go by it.

    // The name that a target gets for a client's `model`; the same text when nothing changes.
    std::string_view model_for(std::string_view model, const LlmTarget& target) const;
    // The same for the target that goes without a choice, or would be the first one.
    std::string_view model_for(std::string_view model) const {
        return model_for(model, pool->first());
    }
};

// All routes of one path prefix.
struct PathRoutes {
    std::string_view prefix;
    std::vector<const Route*> routes;
    size_t early_steps = 0;  // Processors that run before the body is read, whatever the route.

    // Whether the choice, or the request that is sent, depends on the body: then the body must be
    // read up to the members in question before anything is sent.
    bool depends_on_body() const;
    // No route of this path would have to translate the call.
    bool relays(const ClientCall& call) const;
    // A processor wants to see the whole body.
    bool needs_body() const;
    // One of them wants to know who asks.
    bool authenticates() const;
    // The route for a model; null when there is none. No model: only a route for all models.
    const Route* find(std::string_view model) const;
    // The largest body that one of them takes.
    uint64_t body_bytes_max(uint64_t usual) const;
};

class RouteTable {
public:
    // `routes` keep their addresses for as long as the table is used.
    explicit RouteTable(std::span<const Route> routes);

    const PathRoutes* find(std::string_view path) const;
    // Every route, in the order of the configuration.
    std::span<const Route* const> all() const { return all_; }

private:
    static size_t early_steps(std::span<const Route* const> routes);

    std::vector<PathRoutes> paths_;  // Longest prefix first.
    std::vector<const Route*> all_;
};

}  // namespace sluice::pipeline
