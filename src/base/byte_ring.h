// ByteRing: records from one thread to one other thread, without a lock and without waiting.
//
// Bounded: a record that does not fit is dropped and counted, so that a consumer who stands still
// costs its producer nothing. Each record has its length in front; it may wrap round the end. The
// producer is a shard, the consumer is the log writer (base/log_writer.h).
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"

namespace sluice {

class ByteRing {
public:
    // Rounded up to a power of two.
    explicit ByteRing(size_t capacity_bytes)
        : capacity_(std::bit_ceil(std::max(capacity_bytes, kCapacityMin))),
          bytes_(std::make_unique_for_overwrite<char[]>(capacity_)) {}
    ByteRing(const ByteRing&) = delete;
    ByteRing& operator=(const ByteRing&) = delete;

    // Producer. False when there was no room: the record is lost and counted.
    bool push(std::string_view record) {
        const uint64_t head = head_.load(std::memory_order_relaxed);
        const size_t needed = sizeof(Length) + record.size();
        if (needed > capacity_ - (head - known_tail_)) {
            known_tail_ = tail_.load(std::memory_order_acquire);
            if (needed > capacity_ - (head - known_tail_)) {
                dropped_.store(dropped_.load(std::memory_order_relaxed) + 1,
                               std::memory_order_relaxed);
                return false;
            }
        }
        const auto length = static_cast<Length>(record.size());
        copy_in(head, reinterpret_cast<const char*>(&length), sizeof(length));
        copy_in(head + sizeof(length), record.data(), record.size());
        head_.store(head + needed, std::memory_order_release);
        return true;
    }

    // Producer. Whether more than half of it is taken.
    bool is_half_full() {
        const uint64_t head = head_.load(std::memory_order_relaxed);
        if (head - known_tail_ > capacity_ / 2) {
            known_tail_ = tail_.load(std::memory_order_acquire);
        }
        return head - known_tail_ > capacity_ / 2;
    }

    // Consumer. Appends the oldest records to `to`, as long as it stays within `size_max` (one
    // record always fits); returns how many there were.
    size_t pop_into(std::string& to, size_t size_max) {
        const uint64_t head = head_.load(std::memory_order_acquire);
        uint64_t tail = tail_.load(std::memory_order_relaxed);
        size_t records = 0;
        while (tail != head) {
            Length length = 0;
            copy_out(tail, reinterpret_cast<char*>(&length), sizeof(length));
            if (records > 0 && to.size() + length > size_max) {
                break;
            }
            const size_t old_size = to.size();
            to.resize(old_size + length);
            copy_out(tail + sizeof(length), to.data() + old_size, length);
            tail += sizeof(length) + length;
            ++records;
        }
        tail_.store(tail, std::memory_order_release);
        return records;
    }

    // From any thread; true may be out of date by the time it is looked at.
    bool empty() const {
        return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
    }
    uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
    size_t capacity_bytes() const { return capacity_; }

private:
    using Length = uint32_t;
    static constexpr size_t kCapacityMin = 64;
    static constexpr size_t kCacheLineBytes = 64;

    void copy_in(uint64_t position, const char* from, size_t count) {
        const size_t offset = position & (capacity_ - 1);
        const size_t first = std::min(count, capacity_ - offset);
        std::memcpy(bytes_.get() + offset, from, first);
        std::memcpy(bytes_.get(), from + first, count - first);
    }
    void copy_out(uint64_t position, char* to, size_t count) const {
        const size_t offset = position & (capacity_ - 1);
        const size_t first = std::min(count, capacity_ - offset);
        std::memcpy(to, bytes_.get() + offset, first);
        std::memcpy(to + first, bytes_.get(), count - first);
    }

    // Head and tail count bytes since the beginning; they never wrap in practice. Each side has a
    // cache line of its own, the producer with what it last knew of the other.
    alignas(kCacheLineBytes) std::atomic<uint64_t> head_ = 0;
    const size_t capacity_;
    const std::unique_ptr<char[]> bytes_;
    uint64_t known_tail_ = 0;
    std::atomic<uint64_t> dropped_ = 0;
    alignas(kCacheLineBytes) std::atomic<uint64_t> tail_ = 0;
};

}  // namespace sluice
