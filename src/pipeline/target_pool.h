// TargetPool: where the requests of a route can go, as one shard sees it: one upstream, or the
// targets of a pool and the pools behind it. Immutable, part of the snapshot.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pipeline/client_call.h"
#include "pipeline/llm_target.h"

namespace sluice::balance {
class Pool;
}  // namespace sluice::balance

namespace sluice::pipeline {

struct TargetPool {
    std::string_view name;                // Of the pool, or of the one upstream.
    const balance::Pool* pool = nullptr;  // Chooses; null where there is nothing to choose.
    // In the order of the pool; where that is empty, one that stands for those that may come.
    std::vector<LlmTarget> targets;
    // Where a request goes that none of these can serve, in this order: for any reason, because it
    // is too long for them, and because they refuse its content.
    std::vector<const TargetPool*> fallbacks = {};
    std::vector<const TargetPool*> longer_context = {};
    std::vector<const TargetPool*> other_filter = {};

    const LlmTarget& first() const { return targets.front(); }
    bool is_simulated() const {
        return std::ranges::any_of(
            targets, [](const LlmTarget& t) { return t.upstream->options().is_simulated(); });
    }
    // All of it gets what the client calls the model.
    bool keeps_model_names() const {
        return std::ranges::all_of(targets, [](const LlmTarget& t) {
            return t.model.empty() && t.upstream->options().models.empty();
        });
    }
    // Not all of them can do the same, or their contexts are bounded: a request's body must be
    // looked at.
    bool is_particular = false;
    // Requests may be sent more than once, each time made out for another target.
    bool has_choice() const { return pool != nullptr; }
    // Every target speaks the client's API.
    bool relays(const ClientCall& call) const;
};

}  // namespace sluice::pipeline
