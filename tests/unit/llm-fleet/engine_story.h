// EngineStory: tells an engine what arrives when, and writes down what it says; times are
// microseconds since the beginning.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/trace.h"

namespace sluice::llm_fleet {

using Telling = std::pair<std::string, int64_t>;
using Told = std::vector<Telling>;

// `count` blocks with the hashes `first`, `first` + 1 and so on.
struct BlockRange {
    uint64_t first = 0;
    uint32_t count = 0;
};

class EngineStory {
public:
    explicit EngineStory(const EngineOptions& options) : engine_(make_engine(options)) {}

    Engine& engine() { return *engine_; }

    void submit(int64_t at_us,
                uint32_t attempt,
                uint32_t input,
                uint32_t output,
                BlockRange range,
                uint32_t tokens_per_block = kTraceBlockTokens) {
        advance(at_us);
        std::vector<uint64_t>& blocks = blocks_.emplace_back(range.count);
        std::iota(blocks.begin(), blocks.end(), range.first);
        engine_->submit({.attempt = attempt,
                         .blocks = blocks,
                         .input_tokens = input,
                         .output_tokens = output,
                         .tokens_per_block = tokens_per_block},
                        at(at_us));
    }

    void cancel(int64_t at_us, uint32_t attempt) {
        advance(at_us);
        engine_->cancel(attempt, at(at_us));
    }

    void advance(int64_t at_us) { engine_->advance(at(at_us), events_); }

    // Until nothing happens any more.
    const Told& told() {
        while (engine_->next() != Instant::never()) {
            engine_->advance(engine_->next(), events_);
        }
        told_.clear();
        for (const EngineEvent& event : events_) {
            static constexpr const char* kNames[] = {"first ", "token ", "end ", "refused "};
            told_.emplace_back(
                kNames[static_cast<size_t>(event.kind)] + std::to_string(event.attempt),
                (event.at - at(0)).us());
            cached_[event.attempt] = event.cached_tokens;
        }
        return told_;
    }

    // After told().
    uint32_t cached_of(uint32_t attempt) const { return cached_.at(attempt); }

private:
    static Instant at(int64_t us) {
        return Instant::from_ns(1'000'000'000) + Duration::microseconds(us);
    }

    std::unique_ptr<Engine> engine_;
    std::deque<std::vector<uint64_t>> blocks_;
    std::vector<EngineEvent> events_;
    Told told_;
    std::map<uint32_t, uint32_t> cached_;
};

}  // namespace sluice::llm_fleet
