// Names, from the product's own table.
#include "llm-fleet/strategies.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "balance/balancer.h"
#include "balance/options.h"
#include "llm-fleet/product_rule.h"

namespace sluice::llm_fleet {

std::vector<std::string> all_strategies() {
    using balance::Strategy;
    std::vector<std::string> names;
    for (const Strategy strategy :
         {Strategy::latency_weighted, Strategy::prefix_affinity, Strategy::least_loaded,
          Strategy::least_connections, Strategy::p2c, Strategy::round_robin, Strategy::random,
          Strategy::consistent_hash, Strategy::cost_optimized, Strategy::priority}) {
        names.emplace_back(balance::name_of(strategy));
    }
    names.emplace_back(kProductRuleName);
    return names;
}

bool is_strategy(std::string_view name) {
    return std::ranges::count(all_strategies(), name) > 0;
}

balance::Strategy pool_strategy_of(std::string_view name) {
    return name == kProductRuleName
               ? balance::Strategy::prefix_affinity
               : balance::strategy_named(name).value_or(balance::Strategy::latency_weighted);
}

}  // namespace sluice::llm_fleet
