// Lane: one shard's way to the exporter, a bounded ring of records.
//
// One producer, one consumer, no lock, no wait, and nobody is woken: the exporter looks by itself.
// A record is filled where it will be read, and one that finds no slot is dropped and counted. The
// shard is the only producer, the exporter owns it.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "trace/record.h"

namespace sluice::trace {

class Lane {
public:
    explicit Lane(size_t traces_max)
        : capacity_(std::bit_ceil(std::max<size_t>(traces_max, 2))),
          records_(std::make_unique_for_overwrite<Record[]>(capacity_)) {}
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    // Producer. An empty record to be filled and published; null when there is no room.
    Record* begin() {
        const uint64_t head = head_.load(std::memory_order_relaxed);
        if (head - known_tail_ == capacity_) {
            known_tail_ = tail_.load(std::memory_order_acquire);
            if (head - known_tail_ == capacity_) {
                return nullptr;
            }
        }
        Record& record = records_[head & (capacity_ - 1)];
        record.clear();
        return &record;
    }
    // Producer, after begin().
    void publish() {
        head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    // Producer, in place of publish(): of a trace that found no room.
    void drop(size_t spans) {
        dropped_.store(dropped_.load(std::memory_order_relaxed) + spans, std::memory_order_relaxed);
    }

    // Consumer. The oldest record, until pop(); null when there is none.
    const Record* front() const {
        const uint64_t tail = tail_.load(std::memory_order_relaxed);
        return tail == head_.load(std::memory_order_acquire) ? nullptr
                                                             : &records_[tail & (capacity_ - 1)];
    }
    void pop() {
        const uint64_t tail = tail_.load(std::memory_order_relaxed);
        records_[tail & (capacity_ - 1)].content.reset();
        tail_.store(tail + 1, std::memory_order_release);
    }
    bool is_half_full() const {
        return head_.load(std::memory_order_acquire) - tail_.load(std::memory_order_relaxed) >=
               capacity_ / 2;
    }

    // Spans, from any thread.
    uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
    size_t capacity() const { return capacity_; }

private:
    static constexpr size_t kCacheLineBytes = 64;

    // Both count records since the beginning. Each side has a cache line of its own, the producer
    // with what it last knew of the other.
    alignas(kCacheLineBytes) std::atomic<uint64_t> head_ = 0;
    const size_t capacity_;
    const std::unique_ptr<Record[]> records_;
    uint64_t known_tail_ = 0;
    std::atomic<uint64_t> dropped_ = 0;
    alignas(kCacheLineBytes) std::atomic<uint64_t> tail_ = 0;
};

}  // namespace sluice::trace
