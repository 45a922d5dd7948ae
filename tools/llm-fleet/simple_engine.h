// SimpleEngine: prefill one prompt after the other, decode beside it without disturbing it.
//
// A prompt's blocks are in the cache from its arrival on. An answer takes as long as the number of
// streams at its first token says. Coarse, and the model behind published comparisons of policies.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/time.h"
#include "llm-fleet/block_cache.h"
#include "llm-fleet/engine.h"

namespace sluice::llm_fleet {

class SimpleEngine final : public Engine {
public:
    explicit SimpleEngine(const EngineOptions& options)
        : options_(options), cache_(options.cache_tokens) {}

    void submit(const Job& job, Instant now) override;
    void cancel(uint32_t attempt, Instant now) override;
    Instant next() const override;
    void advance(Instant now, std::vector<EngineEvent>& events) override;
    void shift(Duration pause) override;
    void restart() override;
    EngineLoad load() const override;

private:
    struct Waiting {
        uint32_t attempt = 0;
        uint32_t input_tokens = 0;
        uint32_t output_tokens = 0;
        uint32_t cached_tokens = 0;
    };
    struct Decoding {
        uint32_t attempt = 0;
        Instant end;
        uint32_t tokens = 0;
        uint32_t cached_tokens = 0;
    };

    void begin_prefill(Instant now);
    void begin_decode(const Waiting& job, Instant now);

    EngineOptions options_;
    BlockCache cache_;
    std::deque<Waiting> waiting_;  // The first is in prefill, until prefill_end_.
    Instant prefill_end_ = Instant::never();
    std::vector<Decoding> decoding_;
};

}  // namespace sluice::llm_fleet
