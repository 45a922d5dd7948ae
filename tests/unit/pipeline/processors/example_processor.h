// tokens_in_flight, the example of docs/ADDING_A_PROCESSOR.md, not in the table: bounds how many
// tokens of prompts are with the upstream at once.
#pragma once

#include <cstdint>

#include "pipeline/processor.h"

namespace sluice::pipeline {

struct TokensInFlightOptions {
    // About eight long prompts.
    uint64_t tokens_max = 1'000'000;

    bool operator==(const TokensInFlightOptions&) const = default;
};

class TokensInFlight final : public Processor {
public:
    struct Plan {
        explicit Plan(const TokensInFlightOptions& given) : options(given) {}
        const TokensInFlightOptions& options;
        mutable uint64_t tokens_held = 0;  // By all exchanges of this shard.
    };

    explicit TokensInFlight(const Plan& plan) : plan_(plan) {}
    ~TokensInFlight() override { plan_.tokens_held -= tokens_; }
    TokensInFlight(const TokensInFlight&) = delete;
    TokensInFlight& operator=(const TokensInFlight&) = delete;

    static Needs needs(const TokensInFlightOptions&) { return {.body = true}; }

    Verdict on_request(ProcessorContext& context) override;
    void on_response_head(ProcessorContext& context, const ResponseView& view) override;

private:
    const Plan& plan_;
    uint64_t tokens_ = 0;
};

}  // namespace sluice::pipeline
