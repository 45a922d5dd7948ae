// Engine: one inference server as a model that lives on a virtual clock.
//
// It is told what arrives and leaves, and how far time has come; it says when it wants to be looked
// at next and what happened. It knows nothing of gateways, faults or other workers, so that the
// same object runs in the simulation, in tests against figures worked out by hand, and against the
// real clock. One worker owns it.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "llm-fleet/trace.h"

namespace sluice::llm_fleet {

enum class EngineKind : uint8_t {
    simple,    // Prefill in turn, decode beside it at a speed set when it begins.
    batching,  // Steps over a batch: prefill in chunks that slow decode, memory that runs out.
};
inline constexpr std::string_view kEngineNames[] = {"simple", "batching"};

inline constexpr uint64_t kCacheUnbounded = UINT64_MAX;

struct EngineOptions {
    EngineKind kind = EngineKind::simple;
    double prefill_tokens_per_s = 8'000;
    // Time of an output token: this much, and this much for each stream under way.
    double decode_ms = 6;
    double decode_ms_per_stream = 0.35;
    // Of prompts that are kept; `batching` also holds what it works on in it.
    uint64_t cache_tokens = 524'288;
    // Only `batching`: prompt tokens in a step, requests under way, granularity of its cache.
    uint32_t chunk_tokens = 2'048;
    uint32_t running_max = 256;
    uint32_t block_tokens = 512;
    // Only `batching`: tells each token, not only the first and the last.
    bool tells_tokens = false;
};

struct Job {
    uint32_t attempt = 0;  // The caller's number for it.
    std::span<const uint64_t> blocks;
    uint32_t input_tokens = 0;
    uint32_t output_tokens = 0;
    uint32_t tokens_per_block = kTraceBlockTokens;
};

struct EngineEvent {
    enum class Kind : uint8_t {
        first_token,
        token,  // One of the others.
        finished,
        refused,  // It can never fit.
    };
    Kind kind = Kind::first_token;
    uint32_t attempt = 0;
    Instant at;
    uint32_t cached_tokens = 0;  // Of the prompt.
};

// What a server tells about itself.
struct EngineLoad {
    uint32_t waiting = 0;
    uint32_t running = 0;
    uint64_t kv_tokens = 0;    // Held by requests under way.
    uint64_t preemptions = 0;  // Since it began.
};

class Engine {
public:
    Engine() = default;
    virtual ~Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    virtual void submit(const Job& job, Instant now) = 0;
    // Its caller has left; nothing when it is over already.
    virtual void cancel(uint32_t attempt, Instant now) = 0;
    // When something happens next; never() when nothing will.
    virtual Instant next() const = 0;
    // Appends what happens up to `now`, in order.
    virtual void advance(Instant now, std::vector<EngineEvent>& events) = 0;
    // It stood still for so long.
    virtual void shift(Duration pause) = 0;
    // What begins from now on takes so many times as long.
    void set_slowness(double factor) { slowness_ = factor; }
    // All work and all caches are gone.
    virtual void restart() = 0;
    virtual EngineLoad load() const = 0;

protected:
    double slowness() const { return slowness_; }

private:
    double slowness_ = 1;
};

std::unique_ptr<Engine> make_engine(const EngineOptions& options);

inline Duration duration_of_ms(double ms) {
    return Duration::nanoseconds(std::llround(ms * 1e6));
}

}  // namespace sluice::llm_fleet
