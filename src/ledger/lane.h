// Lane: one shard's way to the ledger's writer, a bounded ring of entries.
//
// One producer, one consumer, no lock, no wait: an entry that finds the ring full is dropped and
// counted. Belongs to the Ledger; the shard is its only producer.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ledger/entry.h"

namespace sluice::ledger {

class Ledger;

class Lane {
public:
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    // False when it was dropped. Never blocks and never allocates.
    bool add(const Entry& entry);

    // From any thread.
    uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
    size_t capacity() const { return capacity_; }

private:
    friend class Ledger;
    static constexpr size_t kCacheLineBytes = 64;

    Lane(Ledger& ledger, size_t entries_max)
        : ledger_(ledger),
          capacity_(std::bit_ceil(std::max<size_t>(entries_max, 2))),
          entries_(std::make_unique_for_overwrite<Entry[]>(capacity_)) {}

    // Producer. The number of entries in the ring, or 0 when there was no room; below
    // `hurry_entries` it may be too high.
    size_t push(const Entry& entry, size_t hurry_entries) {
        const uint64_t head = head_.load(std::memory_order_relaxed);
        if (head - known_tail_ == capacity_) {
            known_tail_ = tail_.load(std::memory_order_acquire);
            if (head - known_tail_ == capacity_) {
                dropped_.store(dropped_.load(std::memory_order_relaxed) + 1,
                               std::memory_order_relaxed);
                return 0;
            }
        }
        entries_[head & (capacity_ - 1)] = entry;
        head_.store(head + 1, std::memory_order_release);
        if (head + 1 - known_tail_ >= hurry_entries) {
            known_tail_ = tail_.load(std::memory_order_acquire);
        }
        return head + 1 - known_tail_;
    }

    // Consumer. Appends the oldest entries to `to`, until it has `size_max`.
    void take(std::vector<Entry>& to, size_t size_max) {
        const uint64_t head = head_.load(std::memory_order_acquire);
        uint64_t tail = tail_.load(std::memory_order_relaxed);
        for (; tail != head && to.size() < size_max; ++tail) {
            to.push_back(entries_[tail & (capacity_ - 1)]);
        }
        tail_.store(tail, std::memory_order_release);
    }

    // Consumer. May be more by the time it is looked at.
    size_t size() const {
        return head_.load(std::memory_order_acquire) - tail_.load(std::memory_order_relaxed);
    }
    bool empty() const { return size() == 0; }

    // Both count entries since the beginning. Each side has a cache line of its own, the producer
    // with what it last knew of the other.
    alignas(kCacheLineBytes) std::atomic<uint64_t> head_ = 0;
    Ledger& ledger_;
    const size_t capacity_;
    const std::unique_ptr<Entry[]> entries_;
    uint64_t known_tail_ = 0;
    std::atomic<uint64_t> dropped_ = 0;
    alignas(kCacheLineBytes) std::atomic<uint64_t> tail_ = 0;
};

}  // namespace sluice::ledger
