// ConcurrencyLimit: how many exchanges of a scope are in flight at once, over all shards.
//
// A Slot is one of them and gives itself back when it dies, on whichever path. The count never
// exceeds the limit, not even for an instant. Any thread; the limit outlives its slots.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/assert.h"

namespace sluice::access {

class alignas(64) ConcurrencyLimit {
public:
    class Slot {
    public:
        Slot() = default;
        Slot(Slot&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)) {}
        Slot& operator=(Slot&& other) noexcept {
            if (this != &other) {
                release();
                limit_ = std::exchange(other.limit_, nullptr);
            }
            return *this;
        }
        ~Slot() { release(); }

        bool is_held() const { return limit_ != nullptr; }
        void release() {
            if (limit_ != nullptr) {
                std::exchange(limit_, nullptr)->leave();
            }
        }

    private:
        friend class ConcurrencyLimit;
        explicit Slot(ConcurrencyLimit* limit) : limit_(limit) {}
        ConcurrencyLimit* limit_ = nullptr;
    };

    ConcurrencyLimit() = default;
    ~ConcurrencyLimit() { SLUICE_ASSERT(in_flight() == 0); }
    ConcurrencyLimit(const ConcurrencyLimit&) = delete;
    ConcurrencyLimit& operator=(const ConcurrencyLimit&) = delete;

    // 0: no limit. Who is in flight above a new limit stays.
    void configure(int64_t max) { max_.store(max, std::memory_order_relaxed); }
    bool is_limited() const { return max() > 0; }
    int64_t max() const { return max_.load(std::memory_order_relaxed); }
    int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

    // A slot that is not held where there is no room.
    Slot try_enter() {
        const int64_t limit = max();
        int64_t count = in_flight_.load(std::memory_order_relaxed);
        while (limit <= 0 || count < limit) {
            if (in_flight_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) {
                return Slot(this);
            }
        }
        return {};
    }

private:
    void leave() {
        const int64_t before = in_flight_.fetch_sub(1, std::memory_order_relaxed);
        SLUICE_ASSERT(before > 0);
    }

    std::atomic<int64_t> in_flight_ = 0;
    std::atomic<int64_t> max_ = 0;
};

}  // namespace sluice::access
