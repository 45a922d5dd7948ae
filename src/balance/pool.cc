// Choosing: look at the targets, keep those of the first tier that has any, let the strategy
// choose, and charge; where another shard was quicker for the last place, choose again from the
// rest.
#include "balance/pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "balance/balancer.h"
#include "balance/circuit_breaker.h"
#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/pool_state.h"
#include "balance/screening.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/assert.h"
#include "base/prng.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// Of a larger pool, so many that may be used are drawn and looked at besides those that a strategy
// names.
constexpr size_t kDraws = 16;
// Draws may meet targets that may not be used; after so many all are looked at.
constexpr size_t kDrawsMax = 64;
constexpr size_t kNominees = 32;

}  // namespace

// What one choice has found so far.
struct Pool::Look {
    const Ask& ask;
    Instant now;
    Prng& prng;
    const Balancer& balancer;
    bool is_panic = false;
    Candidates candidates = {};

    bool consider(const Pool& pool, uint16_t index) {
        const Target& target = pool.targets_[index];
        const Screened screened = screen(target, index, ask, pool.options_, is_panic, now);
        if (screened.fitness < Fitness::probe) {
            return false;
        }
        candidates.add({.target = &target,
                        .index = index,
                        .is_probe = screened.fitness == Fitness::probe,
                        .cached_tokens = 0});
        return true;
    }
};

// --- Making one.

Pool::Pool(PoolOptions options,
           std::span<const uint32_t> capabilities,
           const Pool* running,
           Instant now,
           uint64_t seed)
    : options_(std::move(options)), balancer_(&find_balancer(options_.strategy)) {
    SLUICE_ASSERT(options_.targets.size() <= kTargetsMax);
    SLUICE_ASSERT(options_.targets.size() == capabilities.size());
    state_ = running != nullptr ? running->state_ : std::make_shared<PoolState>();
    double weights = 0;
    for (const TargetOptions& target : options_.targets) {
        weights += std::max(target.weight, 1U);
    }
    const double mean = weights / static_cast<double>(std::max<size_t>(capabilities.size(), 1));
    for (size_t i = 0; i < capabilities.size(); ++i) {
        Target target;
        target.options = options_.targets[i];
        const TargetOptions& of = target.options;
        target.name = of.model.empty() ? of.llm : of.llm + "/" + of.model;
        target.capabilities = capabilities[i];
        for (const std::string& lacked : of.lacks) {
            target.capabilities &= ~capability_named(lacked);
        }
        target.weight = std::max(of.weight, 1U) / mean;
        for (size_t j = 0; running != nullptr && j < running->targets_.size(); ++j) {
            if (running->targets_[j].name == target.name) {
                target.state = running->targets_[j].state;
            }
        }
        if (target.state == nullptr) {
            target.state = std::make_shared<TargetState>(seed + i * 0x9e3779b97f4a7c15ULL);
            // When the process begins all are new, and none is to be spared for the others.
            target.state->slow_start_ms.store(running != nullptr ? ms_of(now) : 0, kRelaxed);
        }
        targets_.push_back(std::move(target));
    }
    make_tiers();
    make_sequence();
}

Pool::~Pool() = default;

void Pool::make_tiers() {
    for (size_t i = 0; i < targets_.size(); ++i) {
        const uint32_t priority = targets_[i].options.priority;
        auto tier = std::ranges::lower_bound(tiers_, priority, {}, &Tier::priority);
        if (tier == tiers_.end() || tier->priority != priority) {
            tier = tiers_.insert(tier, {.priority = priority, .targets = {}});
        }
        tier->targets.push_back(static_cast<uint16_t>(i));
    }
}

void Pool::make_sequence() {}

bool Pool::wants_blocks() const {
    return balancer_->wants_blocks(options_);
}

// --- Looking.

void Pool::gather_all(Look& look) const {
    for (const Tier& tier : tiers_) {
        for (const uint16_t index : tier.targets) {
            look.consider(*this, index);
        }
        if (look.candidates.size() > 0) {
            return;
        }
    }
}

void Pool::gather_some(Look& look) const {
    std::array<uint16_t, kNominees> nominees;
    for (const Tier& tier : tiers_) {
        const auto count = static_cast<uint32_t>(tier.targets.size());
        const Round round = {*this, look.ask, look.now, look.prng, {}};
        const size_t nominated = look.balancer.nominate(round, nominees);
        const auto consider = [&](uint16_t index) {
            if (!look.candidates.is_full() && !look.candidates.has(index)) {
                look.consider(*this, index);
            }
        };
        for (size_t i = 0; i < nominated; ++i) {
            if (targets_[nominees[i]].options.priority == tier.priority) {
                consider(nominees[i]);
            }
        }
        const size_t enough = std::min(look.candidates.size() + kDraws, Candidates::kMax);
        for (size_t i = 0; i < kDrawsMax && look.candidates.size() < enough; ++i) {
            consider(tier.targets[look.prng.below(count)]);
        }
        // None at all among so many: before the next tier is asked, all of this one are.
        const uint32_t first = look.candidates.size() == 0 ? look.prng.below(count) : 0;
        for (uint32_t i = 0; look.candidates.size() == 0 && i < count; ++i) {
            consider(tier.targets[(first + i) % count]);
        }
        if (look.candidates.size() > 0) {
            return;
        }
    }
}

// New targets and those that have come back get no more than a growing part of what the others
// have, but for when there is no other.
void Pool::hold_back_beginners(Look& look) const {
    std::array<double, Candidates::kMax> ramps;
    double tokens = 0;
    bool has_beginner = false;
    const std::span<Candidate> items = look.candidates.items();
    for (size_t i = 0; i < items.size(); ++i) {
        const TargetState& state = *items[i].target->state;
        ramps[i] = state.ramp(options_.slow_start_ms, look.now);
        has_beginner |= ramps[i] < 1;
        tokens += static_cast<double>(state.kv_tokens.load(kRelaxed));
    }
    if (!has_beginner) [[likely]] {
        return;
    }
    const double mean = tokens / static_cast<double>(items.size());
    size_t kept = 0;
    for (size_t i = 0; i < items.size(); ++i) {
        const auto own = static_cast<double>(items[i].target->state->kv_tokens.load(kRelaxed));
        if (ramps[i] >= 1 || own <= mean * ramps[i] || items[i].is_probe) {
            std::swap(items[kept++], items[i]);
        }
    }
    if (kept > 0) {
        look.candidates.keep(kept);
    }
}

// --- Choosing.

size_t Pool::choose(Look& look) const {
    const std::span<const Candidate> items = look.candidates.items();
    // A probe goes before everything: a target that is never asked again never comes back.
    for (size_t i = 0; i < items.size(); ++i) {
        if (items[i].is_probe) {
            return i;
        }
    }
    if (items.size() == 1) {
        return 0;
    }
    const Round round = {*this, look.ask, look.now, look.prng, items};
    const size_t chosen = look.balancer.choose(round);
    SLUICE_DCHECK(chosen < items.size());
    return chosen;
}

// False when another shard has taken the last place, or the probe.
bool Pool::charge(Look& look, const Candidate& candidate, Selection& selection) const {
    TargetState& state = *candidate.target->state;
    const uint32_t most = requests_max(*candidate.target, options_);
    const int32_t before = state.requests.fetch_add(1, kRelaxed);
    if (static_cast<uint32_t>(std::max(before, 0)) >= most) {
        state.requests.fetch_sub(1, kRelaxed);
        return false;
    }
    if (candidate.is_probe) {
        const CircuitBreaker::Pass pass = state.breaker.take(look.now);
        if (pass == CircuitBreaker::Pass::no) {
            state.requests.fetch_sub(1, kRelaxed);
            return false;
        }
        selection.charge.is_probe_ = pass == CircuitBreaker::Pass::probe;
    }
    Charge& charge = selection.charge;
    charge.pool_ = this;
    charge.target_ = candidate.target;
    charge.began_ = look.now;
    charge.in_flight_ = static_cast<uint32_t>(std::max(before, 0)) + 1;
    charge.prompt_tokens_ = look.ask.prompt_tokens;
    charge.uncached_tokens_ =
        look.ask.prompt_tokens - std::min(candidate.cached_tokens, look.ask.prompt_tokens);
    charge.kv_tokens_ = static_cast<uint32_t>(
        std::min<uint64_t>(uint64_t{look.ask.prompt_tokens} + look.ask.output_tokens, UINT32_MAX));
    const int64_t queued = state.prefill_tokens.fetch_add(charge.uncached_tokens_, kRelaxed);
    charge.queued_tokens_ = static_cast<uint32_t>(std::clamp<int64_t>(queued, 0, UINT32_MAX));
    state.kv_tokens.fetch_add(charge.kv_tokens_, kRelaxed);
    state.selected_total.fetch_add(1, kRelaxed);
    state.prompt_tokens_total.fetch_add(charge.prompt_tokens_, kRelaxed);
    state.cached_tokens_total.fetch_add(charge.prompt_tokens_ - charge.uncached_tokens_, kRelaxed);
    selection.target = candidate.index;
    selection.cached_tokens = charge.prompt_tokens_ - charge.uncached_tokens_;
    return true;
}

Selection Pool::select(const Ask& ask, Instant now, Prng& prng) const {
    Look look = {.ask = ask,
                 .now = now,
                 .prng = prng,
                 .balancer = ask.overrides != nullptr ? *ask.overrides : *balancer_,
                 .is_panic = options_.outliers.panic_percent > 0 && is_panic(ask, now)};
    if (targets_.size() <= Candidates::kMax) {
        gather_all(look);
    } else {
        gather_some(look);
    }
    if (options_.slow_start_ms > 0 && look.candidates.size() > 1) {
        hold_back_beginners(look);
    }
    Selection selection;
    while (look.candidates.size() > 0) {
        const size_t chosen = choose(look);
        if (charge(look, look.candidates.items()[chosen], selection)) {
            return selection;
        }
        look.candidates.remove(chosen);
    }
    return without(ask, look.is_panic, now);
}

void Pool::judge(Instant now) {
    (void)now;
}

}  // namespace sluice::balance
