// A new strategy is a line here.
#include "balance/balancer_table.h"

#include <array>
#include <optional>
#include <string_view>

#include "balance/balancer.h"
#include "balance/options.h"
#include "base/assert.h"

namespace sluice::balance {

namespace {

struct Row {
    Strategy strategy;
    std::string_view name;
    const Balancer& (*balancer)();
};

constexpr std::array kRows = {
    Row{Strategy::latency_weighted, "latency_weighted", latency_weighted},
    Row{Strategy::round_robin, "round_robin", round_robin},
    Row{Strategy::random, "random", random_by_weight},
    Row{Strategy::p2c, "p2c", p2c},
    Row{Strategy::least_loaded, "least_loaded", least_loaded},
    Row{Strategy::least_connections, "least_connections", least_connections},
    Row{Strategy::cost_optimized, "cost_optimized", cost_optimized},
    Row{Strategy::prefix_affinity, "prefix_affinity", prefix_affinity},
    Row{Strategy::consistent_hash, "consistent_hash", consistent_hash},
    Row{Strategy::priority, "priority", priority},
};

const Row& row_of(Strategy strategy) {
    for (const Row& row : kRows) {
        if (row.strategy == strategy) {
            return row;
        }
    }
    SLUICE_UNREACHABLE();
}

}  // namespace

const Balancer& find_balancer(Strategy strategy) {
    return row_of(strategy).balancer();
}

std::string_view name_of(Strategy strategy) {
    return row_of(strategy).name;
}

std::optional<Strategy> strategy_named(std::string_view name) {
    for (const Row& row : kRows) {
        if (row.name == name) {
            return row.strategy;
        }
    }
    return std::nullopt;
}

}  // namespace sluice::balance
