// BatchingEngine: continuous batching as current servers do it, one step after the other.
//
// A step takes one token from every stream and fills up with prompt tokens, so long prompts slow
// the streams beside them. Prompts, answers and cached blocks share one memory; what does not fit
// waits, and when streams outgrow it the youngest is put back and computed anew later.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/time.h"
#include "llm-fleet/block_cache.h"
#include "llm-fleet/engine.h"

namespace sluice::llm_fleet {

class BatchingEngine final : public Engine {
public:
    explicit BatchingEngine(const EngineOptions& options)
        : options_(options), cache_(options.cache_tokens) {}

    void submit(const Job& job, Instant now) override;
    void cancel(uint32_t attempt, Instant now) override;
    Instant next() const override { return refused_.empty() ? step_end_ : refused_.front().at; }
    void advance(Instant now, std::vector<EngineEvent>& events) override;
    void shift(Duration pause) override;
    void restart() override;
    EngineLoad load() const override;

private:
    struct Sequence {
        Job job;
        uint32_t cached_tokens = 0;  // At its first admission.
        uint32_t pinned_blocks = 0;  // From the first on.
        uint32_t computed = 0;       // Tokens whose KV is there.
        uint32_t generated = 0;
        uint32_t chunk = 0;            // Tokens of the prompt in this step.
        uint64_t reserved_tokens = 0;  // Beside the pinned blocks.
        bool has_prompt = false;       // All of it is computed: it is a stream.
        bool is_decoding = false;      // It is one in this step.
        bool has_begun = false;        // Was admitted before.

        // What prefill has to compute; after a preemption the answer so far, too.
        uint32_t prefill_tokens() const { return job.input_tokens + generated; }
        bool is_over() const { return generated > 0 && generated >= job.output_tokens; }
    };

    // What a block counts in the cache: its tokens in whole blocks of the engine's own size.
    uint32_t weight_of(const Job& job, uint32_t block) const;
    void begin_step(Instant now);
    uint32_t gather_streams();
    uint32_t gather_prefill(uint32_t budget);
    bool admit(Sequence& sequence);
    void preempt_youngest();
    void end_step(Instant at, std::vector<EngineEvent>& events);
    void keep_prompt(Sequence& sequence);
    void let_go(Sequence& sequence);

    EngineOptions options_;
    BlockCache cache_;
    std::deque<Sequence> waiting_;
    std::vector<Sequence> running_;  // The youngest last.
    std::deque<EngineEvent> refused_;
    Instant step_end_ = Instant::never();
    uint64_t preemptions_ = 0;
};

}  // namespace sluice::llm_fleet
