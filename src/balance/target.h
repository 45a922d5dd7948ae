// Target: one upstream and model in a pool, what it can do, and the state that all shards share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "balance/options.h"
#include "base/time.h"

namespace sluice::balance {

// What a request may need of a target; bits of Ask::needs.
constexpr uint32_t kTools = 1U << 0;
constexpr uint32_t kParallelTools = 1U << 1;
constexpr uint32_t kImages = 1U << 2;
constexpr uint32_t kJsonSchema = 1U << 3;
constexpr uint32_t kReasoning = 1U << 4;
constexpr uint32_t kStreaming = 1U << 5;
constexpr uint32_t kAudio = 1U << 6;
constexpr uint32_t kDocuments = 1U << 7;
// No more than that; those above are for lengths, see Pool::needs_of_length().
constexpr uint32_t kCapabilityBits = 16;

// Its bit, by the name that settings give it ("tools", "json_schema" ...); 0 is no such.
uint32_t capability_named(std::string_view name);
// Names of all bits, separated by commas.
std::string names_of_capabilities(uint32_t bits);

// What people or discovery want of it, over everything that was measured.
enum class Mode : uint8_t {
    active,
    drained,       // Gets nothing new; what it has goes on.
    forced_open,   // As if its breaker were open, without probes.
    forced_closed  // Used whatever breaker and ejection say.
};

struct TargetState;  // target_state.h

// A number that one thread may change while all shards read it, for what a plain one costs. Moves
// with what it is part of, as long as nobody reads that yet.
template <class T>
class Live {
public:
    Live(T value) : value_(value) {}
    Live(const Live& other) : value_(T(other)) {}
    Live& operator=(const Live& other) { return *this = T(other); }
    Live& operator=(T value) {
        value_.store(value, std::memory_order_relaxed);
        return *this;
    }
    operator T() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<T> value_;
};

struct alignas(64) Target {
    // What every choice reads, in one line of memory.
    uint32_t capabilities = 0;
    // As it is in force: that of the options, or what was set at run time (see weights.cc).
    Live<uint32_t> whole_weight = 1;
    Live<float> weight = 1.0F;  // By the mean of its pool.
    Live<float> inverse_weight = 1.0F;
    float prefill_s_per_token = 0;
    bool is_limited = false;  // In its context, its requests in flight or its rates.
    std::shared_ptr<TargetState> state;

    std::string name;  // "llm" or "llm/model"; unique in its pool.
    TargetOptions options;
};

}  // namespace sluice::balance
