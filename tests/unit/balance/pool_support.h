// Pools for tests: targets named a, b, c ... and requests with numbers that are easy to add up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::balance {

constexpr Instant kStart = Instant::from_ns(7'000'000'000'000);

constexpr Instant after_ms(int64_t ms) {
    return kStart + Duration::milliseconds(ms);
}

inline PoolOptions pool_options(Strategy strategy, size_t count) {
    PoolOptions options;
    options.name = "p";
    options.strategy = strategy;
    for (size_t i = 0; i < count; ++i) {
        options.targets.push_back({.llm = "t" + std::to_string(i)});
    }
    return options;
}

inline std::unique_ptr<Pool> make_pool(PoolOptions options,
                                       const Pool* running = nullptr,
                                       Instant now = kStart) {
    const std::vector<uint32_t> capabilities(options.targets.size(), ~0U);
    return std::make_unique<Pool>(std::move(options), capabilities, running, now, 1);
}

inline TargetState& state_of(const Pool& pool, size_t index) {
    return *pool.targets()[index].state;
}

// How often each was selected.
inline std::vector<uint64_t> selections(const Pool& pool) {
    std::vector<uint64_t> counts;
    for (const Target& target : pool.targets()) {
        counts.push_back(target.state->selected_total.load());
    }
    return counts;
}

inline bool is_ledger_empty(const TargetState& state) {
    return state.requests.load() == 0 && state.decoding.load() == 0 &&
           state.prefill_tokens.load() == 0 && state.kv_tokens.load() == 0;
}

}  // namespace sluice::balance
