// Choosing: look at the targets, keep those of the first tier that has any, let the strategy
// choose, and charge; where another shard was quicker for the last place, choose again from the
// rest.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "balance/balancer.h"
#include "balance/circuit_breaker.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"  // IWYU pragma: keep, it is behind a pointer
#include "balance/prefix_index.h"
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
// So often a choice is begun again because another shard was quicker; then it stands.
constexpr uint32_t kRacesMax = 16;
// About a block, which an engine reads again even if it has it.
constexpr uint32_t kReadAgainTokens = 64;

}  // namespace

// What one choice has found so far.
struct Pool::Look {
    Look(const Pool& pool, const Ask& asked, Instant at, Prng& random)
        : ask(asked),
          now(at),
          prng(random),
          balancer(asked.overrides != nullptr ? *asked.overrides : *pool.balancer_),
          now_ms(ms_of(at)),
          is_panic(pool.options_.outliers.panic_percent > 0 && pool.is_panic(asked, at)) {}

    const Ask& ask;
    Instant now;
    Prng& prng;
    const Balancer& balancer;
    int64_t now_ms;
    bool is_panic;
    bool has_nominated = false;  // Which takes turns, so once for each choice.
    size_t first_tier = 0;       // Those before it are not looked at any more.
    size_t tier = 0;             // That the candidates are of.
    Candidates candidates;
    PrefixIndex::Found found = {};
    std::array<PrefixIndex::Hit, PrefixIndex::kHitsMax> hits;

    bool consider(const Pool& pool, uint16_t index) {
        const Target& target = pool.targets_[index];
        Fitness fitness = Fitness::fit;
        if (!ask.tried.empty() || !is_plainly_fit(target, ask.needs, now_ms)) {
            fitness = screen(target, index, ask, pool.options_, is_panic, now).fitness;
        }
        if (fitness < Fitness::probe) {
            return false;
        }
        candidates.add({.target = &target,
                        .index = index,
                        .is_probe = fitness == Fitness::probe,
                        .cached_tokens = 0,
                        .requests = 0});
        return true;
    }
};

// --- Looking.

void Pool::gather_all(Look& look) const {
    for (look.tier = look.first_tier; look.tier < tiers_.size(); ++look.tier) {
        for (const uint16_t index : tiers_[look.tier].targets) {
            look.consider(*this, index);
        }
        if (look.candidates.size() > 0) {
            return;
        }
    }
}

// Of a large pool: what is known to have the prompt, what the strategy names, and some that are
// drawn.
void Pool::gather_some(Look& look) const {
    std::array<uint16_t, kNominees> nominees;
    const Round round = {*this, look.ask, look.now, look.prng, {}};
    const size_t nominated =
        std::exchange(look.has_nominated, true) ? 0 : look.balancer.nominate(round, nominees);
    const auto consider = [&](uint16_t index) {
        if (!look.candidates.is_full() && !look.candidates.has(index)) {
            look.consider(*this, index);
        }
    };
    for (look.tier = look.first_tier; look.tier < tiers_.size(); ++look.tier) {
        const Tier& tier = tiers_[look.tier];
        const auto count = static_cast<uint32_t>(tier.targets.size());
        const auto consider_of_tier = [&](uint16_t index) {
            if (index != kNoTarget && targets_[index].options.priority == tier.priority) {
                consider(index);
            }
        };
        for (size_t i = 0; i < nominated; ++i) {
            consider_of_tier(nominees[i]);
        }
        for (size_t i = 0; i < look.found.count; ++i) {
            consider_of_tier(target_of(look.hits[i].id));
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

uint16_t Pool::target_of(uint16_t prefix_id) const {
    return prefix_id < targets_by_id_.size() ? targets_by_id_[prefix_id] : kNoTarget;
}

// How much of the prompt each candidate has.
void Pool::tell_cached(Look& look) const {
    const auto tokens = [&](uint32_t blocks) {
        return static_cast<uint32_t>(uint64_t{look.ask.prompt_tokens} * blocks /
                                     look.ask.blocks.size());
    };
    // The end of a prompt is read again whatever is cached, so nobody is free of charge.
    const uint32_t readable =
        look.ask.prompt_tokens - std::min(look.ask.prompt_tokens, kReadAgainTokens);
    for (Candidate& candidate : look.candidates.items()) {
        uint32_t blocks = look.found.common_blocks;
        const uint16_t id = prefix_ids_[candidate.index];
        for (size_t i = 0; i < look.found.count; ++i) {
            blocks = look.hits[i].id == id ? std::max(blocks, look.hits[i].blocks) : blocks;
        }
        candidate.cached_tokens = std::min(tokens(blocks), readable);
    }
}

// New targets and those that have come back get no more than a growing part of what the others
// have, but for when there is no other.
void Pool::hold_back_beginners(Look& look) const {
    const std::span<Candidate> items = look.candidates.items();
    const auto is_beginner = [&](const Candidate& candidate) {
        return candidate.target->state->ramp(options_.slow_start_ms, look.now) < 1;
    };
    if (!std::ranges::any_of(items, is_beginner)) [[likely]] {
        return;
    }
    double tokens = 0;
    for (const Candidate& candidate : items) {
        tokens += static_cast<double>(candidate.target->state->kv_tokens.load(kRelaxed));
    }
    const double mean = tokens / static_cast<double>(items.size());
    size_t kept = 0;
    for (size_t i = 0; i < items.size(); ++i) {
        const TargetState& state = *items[i].target->state;
        const double ramp = state.ramp(options_.slow_start_ms, look.now);
        const auto own = static_cast<double>(state.kv_tokens.load(kRelaxed));
        if (ramp >= 1 || own <= mean * ramp || items[i].is_probe) {
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

// Puts the request among those in flight; how many there were before it, or -1 when somebody else
// came or went since the choice was begun, which counts where `is_exact`. Who sees the request sees
// its tokens as well.
int32_t Pool::take_place(const Candidate& candidate, uint32_t kv_tokens, bool is_exact) {
    TargetState& state = *candidate.target->state;
    state.kv_tokens.fetch_add(kv_tokens, kRelaxed);
    if (!is_exact) {
        return std::max(state.requests.fetch_add(1, std::memory_order_release), 0);
    }
    int32_t before = candidate.requests;
    if (state.requests.compare_exchange_strong(before, before + 1, std::memory_order_release,
                                               kRelaxed)) {
        return std::max(before, 0);
    }
    state.kv_tokens.fetch_sub(kv_tokens, kRelaxed);
    return -1;
}

Pool::Taken Pool::charge(Look& look,
                         const Candidate& candidate,
                         bool is_exact,
                         Selection& selection) const {
    TargetState& state = *candidate.target->state;
    const uint32_t most = requests_max(*candidate.target, options_);
    const uint64_t tokens = uint64_t{look.ask.prompt_tokens} + look.ask.output_tokens;
    const auto kv_tokens = static_cast<uint32_t>(std::min<uint64_t>(tokens, UINT32_MAX));
    const int32_t before = take_place(candidate, kv_tokens, is_exact);
    if (before < 0) {
        return Taken::outrun;
    }
    const auto give_back = [&] {
        state.requests.fetch_sub(1, kRelaxed);
        state.kv_tokens.fetch_sub(kv_tokens, kRelaxed);
        return Taken::no_place;
    };
    if (static_cast<uint32_t>(before) >= most ||
        !state.rates.take(candidate.target->options, tokens, look.now)) {
        return give_back();
    }
    if (candidate.is_probe) {
        const CircuitBreaker::Pass pass = state.breaker.take(look.now);
        if (pass == CircuitBreaker::Pass::no) {
            state.rates.give_back(candidate.target->options, tokens, look.now);
            return give_back();
        }
        selection.charge.is_probe_ = pass == CircuitBreaker::Pass::probe;
    }
    Charge& charge = selection.charge;
    charge.pool_ = this;
    charge.target_ = candidate.target;
    charge.began_ = look.now;
    charge.in_flight_ = static_cast<uint32_t>(before) + 1;
    charge.prompt_tokens_ = look.ask.prompt_tokens;
    charge.uncached_tokens_ =
        look.ask.prompt_tokens - std::min(candidate.cached_tokens, look.ask.prompt_tokens);
    charge.kv_tokens_ = kv_tokens;
    if (look.ask.has_first_token) {
        const int64_t queued = state.prefill_tokens.fetch_add(charge.uncached_tokens_, kRelaxed);
        if (queued <= 0) {
            state.reading_since_ms.store(ms_of(look.now), kRelaxed);
        }
        charge.queued_tokens_ = static_cast<uint32_t>(std::clamp<int64_t>(queued, 0, UINT32_MAX));
    } else {
        charge.is_decoding_ = true;  // Or it would look as if it never began.
        state.decoding.fetch_add(1, kRelaxed);
    }
    state.selected_total.fetch_add(1, kRelaxed);
    if (options_.hedge.enabled && !look.ask.is_hedge) {
        state_->earn_hedges(charge.prompt_tokens_, options_.hedge.budget_percent);
    }
    selection.target = candidate.index;
    selection.cached_tokens = charge.prompt_tokens_ - charge.uncached_tokens_;
    return Taken::yes;
}

// Of the candidates; false when there was no room at any of them.
bool Pool::charge_one(Look& look, Selection& selection) const {
    uint32_t races = look.balancer.goes_by_load() ? kRacesMax : 0;
    while (look.candidates.size() > 0) {
        if (races > 0) {
            for (Candidate& candidate : look.candidates.items()) {
                candidate.requests =
                    candidate.target->state->requests.load(std::memory_order_acquire);
            }
        }
        const size_t chosen = choose(look);
        switch (charge(look, look.candidates.items()[chosen], races > 0, selection)) {
            case Taken::yes:
                return true;
            case Taken::outrun:
                --races;
                break;
            case Taken::no_place:
                look.candidates.remove(chosen);
                break;
        }
    }
    return false;
}

Selection Pool::select(const Ask& ask, Instant now, Prng& prng) const {
    Look look(*this, ask, now, prng);
    const bool has_prefixes = prefixes_ != nullptr && !ask.blocks.empty();
    if (has_prefixes) {
        look.found = prefixes_->find(ask.blocks, look.hits);
    }
    Selection selection;
    for (bool is_first = true; look.first_tier < tiers_.size(); is_first = false) {
        gather(look);
        if (look.candidates.size() == 0) {
            break;
        }
        if (charge_one(look, selection)) {
            if (has_prefixes) {
                prefixes_->insert(prefix_ids_[selection.target], ask.blocks, ask.prompt_tokens);
            }
            return selection;
        }
        // Other shards were quicker. What they have left in this tier gets one more look, and then
        // the next one does.
        look.first_tier = look.tier + (is_first ? 0 : 1);
    }
    return without(ask, look.is_panic, now);
}

// Those among which one is chosen, with what is known of each.
void Pool::gather(Look& look) const {
    if (targets_.size() <= Candidates::kMax) {
        gather_all(look);
    } else {
        gather_some(look);
    }
    if (look.found.count > 0) {
        tell_cached(look);
    }
    if (options_.slow_start_ms > 0 && look.candidates.size() > 1) {
        hold_back_beginners(look);
    }
}

}  // namespace sluice::balance
