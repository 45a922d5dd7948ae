// Pacer: says when each event of an answer is due; the player asks it and sends.
//
// Times are drawn at random, or are those of an engine that works on many answers at once, whose
// next token nobody knows beforehand. Lives beside its player; one shard.
#pragma once

#include <cstdint>

#include "base/prng.h"
#include "base/time.h"
#include "llm-kit/distribution.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_kit {

class Pacer {
public:
    Pacer() = default;
    virtual ~Pacer() = default;
    Pacer(const Pacer&) = delete;
    Pacer& operator=(const Pacer&) = delete;

    // The model begins no earlier.
    virtual void begin_at(Instant /*at*/) {}
    // What comes next needs this of the model, after all that was stepped to before.
    virtual void step(providers::SimulatedPace pace) = 0;
    // When that is done; never() while it is not known, and then whoever learns it raises the
    // signal of the exchange.
    virtual Instant due() const = 0;
    // Whether tokens take time at all. If not, an event leaves when the one before was taken.
    virtual bool is_paced() const = 0;
    // Events in one write.
    virtual uint32_t burst() const { return 1; }
};

struct Pace {
    Distribution first_token;
    Distribution next_token;  // Zero: the next event as soon as the last one was taken.
    uint32_t burst = 1;       // Events in one write.
};

class DrawnPacer final : public Pacer {
public:
    // `pace` may still change until the first step.
    DrawnPacer(const Pace& pace, Prng& prng, Instant begin)
        : pace_(pace), prng_(prng), due_(begin) {}

    void begin_at(Instant at) override { due_ = at; }
    void step(providers::SimulatedPace pace) override {
        switch (pace) {
            case providers::SimulatedPace::at_once:
                break;
            case providers::SimulatedPace::first_token:
                due_ = due_ + pace_.first_token.sample(prng_);
                break;
            case providers::SimulatedPace::next_token:
                due_ = due_ + pace_.next_token.sample(prng_);
                break;
        }
    }
    Instant due() const override { return due_; }
    bool is_paced() const override { return !pace_.next_token.is_zero(); }
    uint32_t burst() const override { return pace_.burst; }

private:
    const Pace& pace_;
    Prng& prng_;
    Instant due_;
};

}  // namespace sluice::llm_kit
