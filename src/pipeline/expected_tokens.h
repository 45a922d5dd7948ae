// How many tokens a request is going to take, before anybody knows: what limits and budgets
// reserve; and how many it took, as far as that was told.
#pragma once

#include <cstdint>

#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

struct ExpectedTokens {
    uint64_t prompt = 0;
    uint64_t completion = 0;

    int64_t total() const { return static_cast<int64_t>(prompt + completion); }
};

// The prompt by its length, the answer by what the request allows for it, else `answer_default`;
// nothing for a request without a body.
ExpectedTokens expected_tokens(ProcessorContext& context, uint32_t answer_default);

// What counts at the end of an exchange: the usage that was told. Without one nothing, if it failed
// or was refused, and the estimate, if it was answered or left by its client after it was sent.
int64_t used_tokens(const ExchangeRecord& record, int64_t estimate);

// It was turned away by another step of the chain, and never began.
bool was_refused_before_it_began(const ExchangeRecord& record);

}  // namespace sluice::pipeline
