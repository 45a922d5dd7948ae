// budget: the money of the key and of its tenant.
//
// What the exchange is expected to cost is reserved, where a price is known, and replaced by what
// it did cost, which whoever meters it puts into the record. What a step holds goes back however
// the exchange ends.
#pragma once

#include <array>
#include <cstdint>

#include "access/admission.h"
#include "access/scope_limits.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

struct BudgetOptions {
    // Of an answer whose request sets no limit, for the reservation.
    uint32_t answer_tokens_default = 256;

    bool operator==(const BudgetOptions&) const = default;
};

class Budget final : public Processor {
public:
    explicit Budget(const BudgetOptions& options) : options_(options) {}
    // A prompt has to be counted to be priced.
    static Needs needs(const BudgetOptions&) { return {.body = true}; }

    Verdict on_request(ProcessorContext& context) override;
    void on_end(ProcessorContext& context) override;

private:
    int64_t estimate(ProcessorContext& context) const;

    const BudgetOptions& options_;
    std::array<access::ScopeLimits*, 2> scopes_ = {};
    access::Demand demand_;
    access::Admission admission_;
    bool is_admitted_ = false;
};

}  // namespace sluice::pipeline
