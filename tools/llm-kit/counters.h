// Counters: what one shard of the mock has done. Written by its shard, read by whoever asks.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::llm_kit {

// A count with one writer: a plain add would tear for readers, a locked one costs for nothing.
class Count {
public:
    void add(uint64_t by = 1) { value_.store(get() + by, std::memory_order_relaxed); }
    void subtract(uint64_t by = 1) { value_.store(get() - by, std::memory_order_relaxed); }
    void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
    uint64_t get() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<uint64_t> value_ = 0;
};

struct alignas(64) Counters {
    Count connections;       // Accepted.
    Count open_connections;  // Now.
    Count requests;          // Heads received, those under /mock aside.
    Count in_flight;         // Being answered now.
    Count streams;           // Streamed answers begun.
    Count completed;         // Answers sent whole, errors and faults that end well included.
    Count aborted;           // The client left first.
    Count faults;            // Answers with a fault.
    Count refused;           // Heads that are no HTTP.
    Count events;
    Count request_body_bytes;
    Count answer_bytes;
};

}  // namespace sluice::llm_kit
