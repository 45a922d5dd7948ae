// Reserving and settling.
#include "pipeline/processors/budget.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "access/admission.h"
#include "access/limit_book.h"
#include "access/scope_limits.h"
#include "access/virtual_key.h"
#include "base/log.h"
#include "pipeline/exchange_cost.h"
#include "pipeline/exchange_record.h"
#include "pipeline/expected_tokens.h"
#include "pipeline/limit_words.h"
#include "pipeline/llm_target.h"
#include "pipeline/processor.h"
#include "pipeline/route_table.h"
#include "pipeline/stream_watch.h"
#include "pipeline/target_pool.h"

namespace sluice::pipeline {

int64_t Budget::estimate(ProcessorContext& context) const {
    if (context.snapshot == nullptr) {
        return 0;
    }
    constexpr int64_t kSecondNs = 1'000'000'000;
    const ExpectedTokens tokens = expected_tokens(context, options_.answer_tokens_default);
    const Usage usage = {.prompt_tokens = tokens.prompt,
                         .completion_tokens = tokens.completion,
                         .is_known = true,
                         .is_estimated = true};
    const int64_t at_s = context.wall_clock_ns / kSecondNs;
    if (context.route == nullptr || !context.route->pool->has_choice()) {
        return expected_cost(context.record, *context.snapshot, usage, at_s);
    }
    // Nobody knows yet which target it will be: the dearest counts.
    ExchangeRecord record;
    record.model = context.record.model;
    int64_t most = 0;
    for (const LlmTarget& target : context.route->pool->targets) {
        record.service = target.service;
        record.upstream_model = context.route->model_for(record.model, target);
        most = std::max(most, expected_cost(record, *context.snapshot, usage, at_s));
    }
    return most;
}

Verdict Budget::on_request(ProcessorContext& context) {
    if (context.key == nullptr) {
        return Verdict::proceed();
    }
    scopes_ = {context.key->limits.get(), context.key->tenant.get()};
    const access::Moment moment = moment_of(context);
    demand_ = {.now = moment.now,
               .unix_s = moment.unix_s(),
               .cost_picodollars = estimate(context),
               .limits = access::bit_of(access::LimitName::budget)};
    const std::optional<access::Refusal> refusal = admission_.admit(scopes_, demand_);
    if (refusal) {
        return refuse_limit(context, *refusal, demand_);
    }
    is_admitted_ = true;
    if (const access::ScopeLimits* const scope = admission_.soft_exceeded()) {
        context.response_fields.set("x-sluice-budget", "soft");
        SLUICE_LOG(warning, "pipeline", "a soft budget is exceeded",
                   {"scope", access::scope_kind_name(scope->kind())},
                   {"key", context.record.key_name}, {"tenant", context.record.tenant},
                   {"request_id", context.record.request_id});
    }
    return Verdict::proceed();
}

// What has no price is not in the cost, so it cannot be charged. Of an exchange that was made and
// of which nobody told the usage, what was expected counts.
void Budget::on_end(ProcessorContext& context) {
    if (!is_admitted_) {
        return;
    }
    is_admitted_ = false;
    const access::Moment moment = moment_of(context);
    const ExchangeRecord& record = context.record;
    const bool is_untold =
        !record.usage.is_known && !record.is_priced && used_tokens(record, 1) > 0;
    const int64_t cost =
        is_untold ? std::max(record.cost_pico_usd, demand_.cost_picodollars) : record.cost_pico_usd;
    admission_.settle(moment.now, moment.unix_s(), 0, cost);
}

}  // namespace sluice::pipeline
