// Pools with one target for each member, and what their guards did.
#include "llm-fleet/gateway_pools.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "balance/circuit_breaker.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/prng.h"
#include "base/time.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/strategies.h"

namespace sluice::llm_fleet {

GatewayPools::GatewayPools(const RunOptions& options, Instant now)
    : options_(options),
      members_(options.workers, 1),
      target_of_(options.workers, kNoTarget),
      is_baseline_(options.strategy == kProductRuleName) {
    for (const Fault& fault : options.faults) {
        if (fault.kind == FaultKind::join && fault.from.ns() > 0) {
            members_[fault.worker] = 0;
        }
    }
    pools_.resize(options.has_private_ledgers ? options.shards : 1);
    was_open_.resize(pools_.size() * options.workers);
    rebuild(now);
}

void GatewayPools::rebuild(Instant now) {
    worker_of_.clear();
    std::ranges::fill(target_of_, kNoTarget);
    balance::PoolOptions made = options_.pool;
    made.name = "fleet";
    made.strategy = pool_strategy_of(options_.strategy);
    made.targets.clear();
    for (uint32_t i = 0; i < options_.workers; ++i) {
        if (members_[i] != 0) {
            target_of_[i] = static_cast<uint16_t>(worker_of_.size());
            worker_of_.push_back(static_cast<uint16_t>(i));
            balance::TargetOptions target;
            target.llm = fmt::format("worker-{}", i);
            target.cache_tokens = options_.gateway_cache_tokens();
            target.prefill_tokens_per_s = options_.gateway_prefill_tokens_per_s();
            made.targets.push_back(std::move(target));
        }
    }
    const std::vector<uint32_t> capabilities(worker_of_.size(), balance::kStreaming);
    for (size_t i = 0; i < pools_.size(); ++i) {
        auto pool = std::make_unique<balance::Pool>(made, capabilities, pools_[i].get(), now,
                                                    options_.seed + i);
        if (pools_[i] != nullptr) {
            former_.push_back(std::move(pools_[i]));
        }
        pools_[i] = std::move(pool);
    }
}

Choice GatewayPools::select(uint32_t shard, balance::Ask ask, Instant now, Prng& prng) {
    tried_.clear();
    for (const uint16_t worker : ask.tried) {
        if (target_of_[worker] != kNoTarget) {
            tried_.push_back(target_of_[worker]);
        }
    }
    ask.tried = tried_;
    ask.overrides = is_baseline_ ? &product_rule_ : nullptr;
    balance::Selection selection = pool_of(shard).select(ask, now, prng);
    Choice choice;
    choice.without = selection.without;
    choice.retry_after = selection.retry_after;
    if (selection) {
        choice.worker = worker_of_[selection.target];
        choice.predicted_tokens = selection.cached_tokens;
        choice.charge = std::move(selection.charge);
    }
    return choice;
}

void GatewayPools::set_member(uint32_t worker, bool is_member, Instant now) {
    members_[worker] = is_member ? 1 : 0;
    rebuild(now);
}

void GatewayPools::judge(Instant now) {
    for (const auto& pool : pools_) {
        pool->judge(now);
    }
}

void GatewayPools::note_end(uint32_t worker) {
    if (target_of_[worker] == kNoTarget) {
        return;
    }
    for (size_t i = 0; i < pools_.size(); ++i) {
        const balance::Target& target = pools_[i]->targets()[target_of_[worker]];
        const bool is_open =
            target.state->breaker.status().state == balance::CircuitBreaker::State::open;
        uint8_t& was_open = was_open_[i * options_.workers + worker];
        openings_ += is_open && was_open == 0 ? 1 : 0;
        was_open = is_open ? 1 : 0;
    }
}

GuardCounts GatewayPools::guards() const {
    GuardCounts counts = {.breaker_openings = openings_};
    for (const auto& pool : pools_) {
        for (const balance::Target& target : pool->targets()) {
            counts.ejections += target.state->ejections_total.load();
        }
    }
    return counts;
}

uint64_t GatewayPools::ledger() const {
    int64_t sum = 0;
    for (const auto& pool : pools_) {
        for (const balance::Target& target : pool->targets()) {
            const balance::TargetState& state = *target.state;
            for (const int64_t part :
                 std::array<int64_t, 4>{state.requests.load(), state.decoding.load(),
                                        state.prefill_tokens.load(), state.kv_tokens.load()}) {
                sum += part < 0 ? -part : part;
            }
        }
    }
    return static_cast<uint64_t>(sum);
}

}  // namespace sluice::llm_fleet
