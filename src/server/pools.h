// The pools of a configuration, as all shards share them, and who looks after them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "balance/pool.h"
#include "base/time.h"
#include "config/config.h"
#include "providers/price_table.h"

namespace sluice::server {

using Pools = std::vector<std::unique_ptr<balance::Pool>>;

// In the order of the configuration. `running`: pools in force, whose targets stay what they are
// where they have the same name; null when there are none. `seed`: of what chance decides.
Pools make_pools(const config::Config& config,
                 const providers::PriceTable& prices,
                 const Pools* running,
                 Instant now,
                 uint64_t seed);

// Lets nothing new go to targets that `now` has not any more: requests that began with the pools
// before them may yet choose. Both are of one loaded configuration.
void drain_removed(const Pools& before, const Pools& now);

// Judges each pool when its time has come. The control shard's.
class PoolKeeper {
public:
    void look(const Pools& pools, Instant now);

private:
    std::vector<Instant> next_looks_;
};

}  // namespace sluice::server
