// Making a pool: what can be computed once for all choices, and what the running one has learned.
#include "balance/pool.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "balance/balancer.h"
#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/pool_state.h"
#include "balance/prefix_hash.h"
#include "balance/prefix_index.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/assert.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// The same target: one that has its name, and is no other instance behind the same address.
bool is_same(const Target& a, const Target& b) {
    return a.name == b.name && a.options.instance == b.options.instance;
}

const Target* find_target(const Pool* pool, const Target& target, size_t likely) {
    if (pool == nullptr) {
        return nullptr;
    }
    const std::span<const Target> targets = pool->targets();
    if (likely < targets.size() && is_same(targets[likely], target)) {
        return &targets[likely];
    }
    const auto found =
        std::ranges::find_if(targets, [&](const Target& other) { return is_same(other, target); });
    return found == targets.end() ? nullptr : &*found;
}

}  // namespace

Pool::Pool(PoolOptions options,
           std::span<const uint32_t> capabilities,
           const Pool* running,
           Instant now,
           uint64_t seed)
    : options_(std::move(options)), balancer_(&find_balancer(options_.strategy)) {
    SLUICE_ASSERT(options_.targets.size() <= kTargetsMax);
    SLUICE_ASSERT(options_.targets.size() == capabilities.size());
    state_ = running != nullptr ? running->state_ : std::make_shared<PoolState>();
    add_targets(capabilities, running, now, seed);
    // When the process begins all are new, and none is to be spared for the others.
    for (size_t i = 0; running != nullptr && i < targets_.size(); ++i) {
        if (find_target(running, targets_[i], i) == nullptr) {
            targets_[i].state->slow_start_ms.store(ms_of(now), kRelaxed);
        }
    }
    make_tiers();
    list_lengths();
    weigh_targets();
    make_prefixes(running);
}

Pool::~Pool() = default;

void Pool::add_targets(std::span<const uint32_t> capabilities,
                       const Pool* running,
                       Instant now,
                       uint64_t seed) {
    targets_.reserve(capabilities.size());
    for (size_t i = 0; i < capabilities.size(); ++i) {
        const TargetOptions& of = options_.targets[i];
        Target target;
        target.options = of;
        target.name = of.model.empty() ? of.llm : of.llm + "/" + of.model;
        target.capabilities = capabilities[i];
        for (const std::string& lacked : of.lacks) {
            target.capabilities &= ~capability_named(lacked);
        }
        target.is_limited = of.context_tokens_max != 0 || of.concurrent_max != 0 ||
                            of.requests_per_minute_max != 0 || of.tokens_per_minute_max != 0 ||
                            options_.adaptive_limit.enabled;
        target.prefill_s_per_token = 1 / static_cast<float>(std::max(of.prefill_tokens_per_s, 1U));
        const uint64_t name_hash = affinity_of(target.name);
        const Target* before = find_target(running, target, i);
        target.state =
            before != nullptr ? before->state : std::make_shared<TargetState>(seed ^ name_hash);
        target.state->rates.configure(of, now);
        name_hashes_.push_back(name_hash);
        targets_.push_back(std::move(target));
    }
}

void Pool::make_tiers() {
    for (size_t i = 0; i < targets_.size(); ++i) {
        const uint32_t priority = targets_[i].options.priority;
        const auto is_before = [](const Tier& tier, uint32_t of) { return tier.priority < of; };
        auto tier = std::lower_bound(tiers_.begin(), tiers_.end(), priority, is_before);
        if (tier == tiers_.end() || tier->priority != priority) {
            tier = tiers_.insert(tier, {.priority = priority, .targets = {}});
        }
        tier->targets.push_back(static_cast<uint16_t>(i));
    }
}

void Pool::list_lengths() {
    for (const Target& target : targets_) {
        if (target.options.context_tokens_max != 0) {
            lengths_.push_back(target.options.context_tokens_max);
        }
    }
    std::ranges::sort(lengths_);
    const auto twice = std::ranges::unique(lengths_);
    lengths_.erase(twice.begin(), twice.end());
    lengths_.resize(std::min<size_t>(lengths_.size(), 32 - kCapabilityBits));
}

uint32_t Pool::needs_of_length(uint64_t tokens) const {
    uint32_t needs = 0;
    for (size_t i = 0; i < lengths_.size() && tokens > lengths_[i]; ++i) {
        needs |= 1U << (kCapabilityBits + i);
    }
    return needs;
}

// The same ones in the same order, with caches of the same size.
bool Pool::has_targets_of(const Pool& other) const {
    return std::ranges::equal(targets_, other.targets_, [](const Target& a, const Target& b) {
        return is_same(a, b) && a.options.cache_tokens == b.options.cache_tokens;
    });
}

void Pool::make_prefixes(const Pool* running) {
    if (options_.strategy != Strategy::prefix_affinity && !options_.allow_override) {
        return;
    }
    PrefixIndex::Size size = {.targets = targets_.size(),
                              .cache_tokens = 0,
                              .bytes_max = options_.prefix_index_bytes_max};
    for (const Target& target : targets_) {
        size.cache_tokens += target.options.cache_tokens;
    }
    const PrefixIndex* before = running != nullptr ? running->prefixes_.get() : nullptr;
    if (before != nullptr && before->fits(size) && has_targets_of(*running)) {
        prefixes_ = running->prefixes_;
        prefix_ids_ = running->prefix_ids_;
        targets_by_id_ = running->targets_by_id_;
        return;
    }
    // One of its own: the running pool may yet stay in force.
    prefixes_ = std::make_shared<PrefixIndex>(size);
    if (before != nullptr) {
        prefixes_->take_over(*before);
    }
    // Numbers of targets that are gone come back first, so that there are always enough.
    prefix_ids_.assign(targets_.size(), kNoTarget);
    for (size_t i = 0; before != nullptr && i < running->targets_.size(); ++i) {
        const Target* same = find_target(this, running->targets_[i], i);
        const uint16_t id = running->prefix_ids_[i];
        if (id >= prefixes_->ids()) {
            continue;
        }
        if (same != nullptr) {
            prefix_ids_[static_cast<size_t>(same - targets_.data())] = id;
            prefixes_->set_capacity(id, same->options.cache_tokens);
        } else {
            prefixes_->release(id);
        }
    }
    for (size_t i = 0; i < targets_.size(); ++i) {
        uint16_t& id = prefix_ids_[i];
        id = id == kNoTarget ? prefixes_->claim(targets_[i].options.cache_tokens) : id;
        if (targets_by_id_.size() <= id) {
            targets_by_id_.resize(id + 1U, kNoTarget);
        }
        targets_by_id_[id] = static_cast<uint16_t>(i);
    }
}

bool Pool::wants_blocks(const Balancer* overrides) const {
    return (overrides != nullptr ? overrides : balancer_)->wants_blocks(options_);
}

}  // namespace sluice::balance
