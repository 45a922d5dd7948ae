// The sum is looked at before the upstream is, and goes down when the exchange is over.
#include "unit/pipeline/processors/example_processor.h"

#include <string>

#include "base/error.h"
#include "pipeline/header_edits.h"
#include "pipeline/processor.h"
#include "pipeline/prompt_facts.h"

namespace sluice::pipeline {

Verdict TokensInFlight::on_request(ProcessorContext& context) {
    const uint64_t tokens = context.facts().estimated_tokens;
    if (plan_.tokens_held + tokens > plan_.options.tokens_max) {
        return context.refuse(ErrorKind::rate_limited,
                              {.status = 429,
                               .type = "rate_limit_error",
                               .code = "too_many_tokens_in_flight",
                               .message = "Other prompts are being read: try again shortly."});
    }
    tokens_ = tokens;
    plan_.tokens_held += tokens;
    return Verdict::proceed();
}

void TokensInFlight::on_response_head(ProcessorContext& context, const ResponseView& /*view*/) {
    context.response_fields.set("x-tokens-in-flight",
                                context.arena.copy(std::to_string(plan_.tokens_held)));
}

}  // namespace sluice::pipeline
