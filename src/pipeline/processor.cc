// What steps have in common.
#include "pipeline/processor.h"

#include <span>

#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "coro/task.h"
#include "pipeline/prompt_facts.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::pipeline {

coro::Task<Verdict> Processor::wait(ProcessorContext& /*context*/) {
    SLUICE_UNREACHABLE();
    co_return Verdict::proceed();
}

coro::Task<Status> Processor::answer(ProcessorContext& /*context*/) {
    SLUICE_UNREACHABLE();
    co_return Status();
}

coro::Task<Verdict> Processor::on_reply(ProcessorContext& /*context*/,
                                        std::span<providers::ReplyChoice> /*choices*/) {
    co_return Verdict::proceed();
}

const PromptFacts& ProcessorContext::facts() {
    if (facts_of_ != body.version()) {
        const auto tree = body.tree();
        facts_ = tree ? prompt_facts(**tree, call) : PromptFacts();
        facts_of_ = body.version();
    }
    return facts_;
}

Verdict ProcessorContext::refuse(ErrorKind kind, const providers::ProviderError& told) const {
    auto& kept = arena.make<providers::ProviderError>(told);
    kept.code = arena.copy(told.code);
    kept.param = arena.copy(told.param);
    kept.message = arena.copy(told.message);
    return Verdict::refuse(kind, kept);
}

}  // namespace sluice::pipeline
