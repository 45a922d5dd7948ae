// Counts may go a little below or above what is there, where the same block was counted with
// another number of tokens; generations that go take their count with them, so errors do not stay.
#include "balance/cache_model.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

void CacheModel::set_capacity(uint64_t tokens) {
    const auto configured = static_cast<int64_t>(std::min<uint64_t>(tokens, INT64_MAX / 8));
    if (configured != configured_) {
        configured_ = configured;
        capacity_.store(configured, kRelaxed);
    }
}

uint64_t CacheModel::capacity() const {
    return static_cast<uint64_t>(capacity_.load(kRelaxed));
}

void CacheModel::scale_capacity(double factor) {
    int64_t seen = capacity_.load(kRelaxed);
    int64_t next = 0;
    do {
        next = std::clamp(static_cast<int64_t>(static_cast<double>(seen) * factor), configured_ / 4,
                          configured_ * 4);
    } while (!capacity_.compare_exchange_weak(seen, next, kRelaxed));
}

bool CacheModel::advance(uint64_t seen, uint32_t now, uint32_t oldest) {
    return span_.compare_exchange_strong(seen, uint64_t{now} << 32U | oldest, kRelaxed);
}

void CacheModel::use(const Span& span, const Use& use) {
    int64_t moved = 0;
    if (use.has_moved) {
        for (uint32_t age = 1; age < kRing; ++age) {
            if (use.moved_tokens[age] != 0) {
                tokens_[(span.now - age) % kRing].fetch_sub(use.moved_tokens[age], kRelaxed);
                moved += use.moved_tokens[age];
            }
        }
    }
    if (use.fresh_tokens + moved == 0) {
        return;
    }
    const int64_t capacity = capacity_.load(kRelaxed);
    const int64_t newest = tokens_[span.now % kRing].fetch_add(use.fresh_tokens + moved, kRelaxed) +
                           use.fresh_tokens + moved;
    held_.fetch_add(use.fresh_tokens, kRelaxed);
    // What goes, goes one generation at a time; another shard that does the same wins once each.
    while (true) {
        const uint64_t word = span_.load(kRelaxed);
        const auto now = static_cast<uint32_t>(word >> 32U);
        const auto oldest = static_cast<uint32_t>(word);
        const bool is_full = now - oldest + 1 >= kRing;
        if (oldest == now || (!is_full && held_.load(kRelaxed) <= capacity)) {
            break;
        }
        if (advance(word, now, oldest + 1)) {
            held_.fetch_sub(tokens_[oldest % kRing].exchange(0, kRelaxed), kRelaxed);
        }
    }
    if (newest >= capacity / kGenerations) {
        const uint64_t word = span_.load(kRelaxed);
        const auto now = static_cast<uint32_t>(word >> 32U);
        if (now == span.now) {
            advance(word, now + 1, static_cast<uint32_t>(word));
        }
    }
}

void CacheModel::clear() {
    const Span before = span();
    // Past every stamp that is out there.
    const uint32_t now = before.now + 1;
    span_.store(uint64_t{now} << 32U | now, kRelaxed);
    held_.store(0, kRelaxed);
    for (std::atomic<int64_t>& tokens : tokens_) {
        tokens.store(0, kRelaxed);
    }
}

void CacheModel::copy_from(const CacheModel& other) {
    span_.store(other.span_.load(kRelaxed), kRelaxed);
    held_.store(other.held_.load(kRelaxed), kRelaxed);
    capacity_.store(other.capacity_.load(kRelaxed), kRelaxed);
    configured_ = other.configured_;
    for (uint32_t i = 0; i < kRing; ++i) {
        tokens_[i].store(other.tokens_[i].load(kRelaxed), kRelaxed);
    }
}

}  // namespace sluice::balance
