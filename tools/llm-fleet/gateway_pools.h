// GatewayPools: the product's pool over the fleet's workers, or one for each shard for comparison.
//
// Targets are named worker-0 and so on. Workers may join and leave: that makes a new pool over the
// states of the one before, as a reload of the configuration does. One simulation owns it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "balance/pool.h"
#include "base/prng.h"
#include "base/time.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/product_rule.h"
#include "llm-fleet/run_options.h"

namespace sluice::llm_fleet {

struct Choice {
    balance::Charge charge;
    uint16_t worker = 0;
    uint32_t predicted_tokens = 0;
    balance::Without without = balance::Without::none;
    Duration retry_after;
};

class GatewayPools {
public:
    GatewayPools(const RunOptions& options, Instant now);

    // `ask.tried` are workers.
    Choice select(uint32_t shard, balance::Ask ask, Instant now, Prng& prng);
    // See balance::Pool.
    Duration hedge_delay(uint32_t shard, const balance::Charge& charge) const {
        return pool_of(shard).hedge_delay(charge);
    }
    bool take_hedge(uint32_t shard, uint32_t prompt_tokens) const {
        return pool_of(shard).take_hedge(prompt_tokens);
    }
    void set_member(uint32_t worker, bool is_member, Instant now);
    void judge(Instant now);
    // To be called when an attempt at `worker` has ended, so that openings are seen.
    void note_end(uint32_t worker);

    const balance::PoolOptions& options() const { return pools_.front()->options(); }
    GuardCounts guards() const;
    // All that is counted as in flight.
    uint64_t ledger() const;

private:
    void rebuild(Instant now);
    const balance::Pool& pool_of(uint32_t shard) const { return *pools_[shard % pools_.size()]; }

    const RunOptions& options_;
    std::vector<uint8_t> members_;     // By worker.
    std::vector<uint16_t> worker_of_;  // By target.
    std::vector<uint16_t> target_of_;  // By worker; kNoTarget for those outside.
    std::vector<std::unique_ptr<balance::Pool>> pools_;
    std::vector<std::unique_ptr<balance::Pool>> former_;  // Charges point to them.
    bool is_baseline_;  // The rule below chooses instead of the pools' own.
    ProductRule product_rule_;
    std::vector<uint16_t> tried_;
    std::vector<uint8_t> was_open_;  // By pool and worker.
    uint64_t openings_ = 0;
    static constexpr uint16_t kNoTarget = UINT16_MAX;
};

}  // namespace sluice::llm_fleet
