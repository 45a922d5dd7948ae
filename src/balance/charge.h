// Charge: what one attempt weighs on its target, from the choice to the end.
//
// Charged by the selection that returns it, moved from prefill to decode at the first token, and
// released exactly once, whatever the exit: by finish(), or by the destructor as an attempt that
// nothing was learned from. Health checks and scrapes never touch what it counts. Its pool outlives
// it: a request holds the snapshot that it began with.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace sluice::balance {

class Pool;
struct Target;

// How an attempt ended, for breakers, averages and ejections.
enum class Verdict : uint8_t {
    success,
    fault,     // Connect failed, reset, timed out, 500, 502, 504, a broken or an empty stream.
    pushback,  // 429, or 503 that says when to come back: not a fault, but a rest.
    neutral,   // Other 4xx, the client left, a hedge that lost: nothing was learned.
};

struct Outcome {
    Verdict verdict = Verdict::neutral;
    Duration retry_after = {};   // Of a pushback; 0 when it was not said.
    Duration per_token = {};     // Mean time between output tokens; 0 when unknown.
    int32_t cached_tokens = -1;  // What the target says its cache had; -1 when it does not say.
    int32_t prompt_tokens = -1;  // Likewise, of the whole prompt.
    int32_t output_tokens = -1;  // Likewise, of the answer.
    bool was_sent = true;        // Else its provider has not counted it.
    uint16_t error = 0;          // The caller's number for what went wrong; for display.
};

class Charge {
public:
    Charge() = default;
    Charge(Charge&& other) noexcept;
    Charge& operator=(Charge&& other) noexcept;
    ~Charge();

    explicit operator bool() const { return target_ != nullptr; }
    // It is the one attempt that an open breaker lets through.
    bool is_probe() const { return is_probe_; }
    // It has not been told of its first token, and may be.
    bool waits_for_first_token() const { return target_ != nullptr && !is_decoding_; }
    // Seconds to the first token, of this prompt where nothing waits.
    double expected_ttft_s() const;

    // The first token is there; once. It is what latency is measured by.
    void on_first_token(Instant now);
    void finish(const Outcome& outcome, Instant now);

private:
    friend class Pool;
    void release();
    void learn(const Outcome& outcome, Instant now);
    void move_breaker(Verdict verdict, Instant now);
    void correct_prefixes(const Outcome& outcome, Instant now);
    void correct_rates(const Outcome& outcome, Instant now);

    const Pool* pool_ = nullptr;
    const Target* target_ = nullptr;
    Instant began_;
    uint32_t queued_tokens_ = 0;  // Uncached tokens that waited there when it came.
    uint32_t in_flight_ = 0;      // Requests then, itself included.
    uint32_t prompt_tokens_ = 0;
    uint32_t uncached_tokens_ = 0;  // Of the prompt.
    uint32_t kv_tokens_ = 0;        // Prompt and expected output.
    bool is_decoding_ = false;
    bool is_probe_ = false;
};

}  // namespace sluice::balance
