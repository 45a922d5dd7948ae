// A handful of prefixes: a loop over them is faster than any map and easier to read.
#include "pipeline/route_table.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/chain.h"
#include "pipeline/client_call.h"
#include "pipeline/llm_target.h"
#include "pipeline/options.h"
#include "pipeline/service.h"
#include "pipeline/target_pool.h"
#include "upstream/options.h"

namespace sluice::pipeline {

namespace {

constexpr size_t kNoMatch = 0;

bool is_within(std::string_view path, std::string_view prefix) {
    if (!path.starts_with(prefix)) {
        return false;
    }
    return path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/';
}

// How well a route fits a model: 0 not at all, 1 takes all, else more for the longer match; an
// exact match beats every prefix.
size_t fit(const RouteOptions& route, std::string_view model) {
    constexpr size_t kTakesAll = 1;
    constexpr size_t kExact = SIZE_MAX;
    for (const upstream::ModelAlias& alias : route.model_aliases) {
        if (alias.alias == model) {
            return kExact;
        }
    }
    if (route.models.empty()) {
        return kTakesAll;
    }
    size_t best = kNoMatch;
    for (const std::string_view pattern : route.models) {
        if (pattern == model) {
            return kExact;
        }
        if (pattern.ends_with('*') && model.starts_with(pattern.substr(0, pattern.size() - 1))) {
            best = std::max(best, kTakesAll + pattern.size());
        }
    }
    return best;
}

}  // namespace

bool TargetPool::relays(const ClientCall& call) const {
    return std::ranges::all_of(
        targets, [&](const LlmTarget& target) { return target.service->relays(call); });
}

std::string_view Route::model_for(std::string_view model, const LlmTarget& target) const {
    for (const upstream::ModelAlias& alias : options->model_aliases) {
        if (alias.alias == model) {
            return alias.model;
        }
    }
    return target.model_for(model);
}

bool PathRoutes::depends_on_body() const {
    if (routes.size() > 1) {
        return true;
    }
    const Route& only = *routes.front();
    const RouteOptions& options = *only.options;
    return !options.models.empty() || !options.model_aliases.empty() || !options.allow_streaming ||
           !options.allow_non_streaming || !only.pool->keeps_model_names() ||
           only.pool->is_simulated() || only.pool->has_choice();
}

bool PathRoutes::relays(const ClientCall& call) const {
    return std::ranges::all_of(routes,
                               [&](const Route* route) { return route->pool->relays(call); });
}

bool PathRoutes::needs_body() const {
    return std::ranges::any_of(routes, [](const Route* route) {
        return route->chain != nullptr &&
               (route->chain->needs().body || route->chain->needs().response_text);
    });
}

bool PathRoutes::authenticates() const {
    return std::ranges::any_of(routes, [](const Route* route) {
        return route->chain != nullptr && route->chain->authenticates();
    });
}

size_t RouteTable::early_steps(std::span<const Route* const> routes) {
    const Chain* const first = routes.front()->chain;
    if (first == nullptr) {
        return 0;
    }
    size_t count = first->steps().size();
    for (const Route* route : routes) {
        count = route->chain == nullptr ? 0 : std::min(count, first->early_steps(*route->chain));
    }
    return count;
}

const Route* PathRoutes::find(std::string_view model) const {
    const Route* best = nullptr;
    size_t best_fit = kNoMatch;
    for (const Route* route : routes) {
        const size_t fits = fit(*route->options, model);
        if (fits > best_fit) {
            best = route;
            best_fit = fits;
        }
    }
    return best;
}

uint64_t PathRoutes::body_bytes_max(uint64_t usual) const {
    uint64_t most = 0;
    for (const Route* route : routes) {
        const uint64_t own = route->options->request_body_bytes_max;
        most = std::max(most, own > 0 ? own : usual);
    }
    return most;
}

RouteTable::RouteTable(std::span<const Route> routes) {
    for (const Route& route : routes) {
        all_.push_back(&route);
    }
    for (const Route& route : routes) {
        const std::string_view prefix = route.options->path_prefix;
        auto found = std::find_if(paths_.begin(), paths_.end(),
                                  [&](const PathRoutes& path) { return path.prefix == prefix; });
        if (found == paths_.end()) {
            paths_.push_back({.prefix = prefix, .routes = {}});
            found = paths_.end() - 1;
        }
        found->routes.push_back(&route);
    }
    for (PathRoutes& path : paths_) {
        path.early_steps = early_steps(path.routes);
    }
    std::sort(paths_.begin(), paths_.end(), [](const PathRoutes& a, const PathRoutes& b) {
        return a.prefix.size() > b.prefix.size();
    });
}

const PathRoutes* RouteTable::find(std::string_view path) const {
    for (const PathRoutes& candidate : paths_) {
        if (is_within(path, candidate.prefix)) {
            return &candidate;
        }
    }
    return nullptr;
}

}  // namespace sluice::pipeline
