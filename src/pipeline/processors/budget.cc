// Reserving and settling.
#include "pipeline/processors/budget.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "access/admission.h"
#include "access/limit_book.h"
#include "access/scope_limits.h"
#include "access/virtual_key.h"
#include "base/log.h"
#include "pipeline/expected_tokens.h"
#include "pipeline/limit_words.h"
#include "pipeline/price_estimate.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"

namespace sluice::pipeline {

Budget::Prepared::Prepared(const ProcessorOptions& options, const ProcessorResources& resources)
    : options_(*std::get_if<BudgetOptions>(&options.config)), prices_(resources.prices) {}

int64_t Budget::estimate(ProcessorContext& context) const {
    if (prepared_.prices_ == nullptr) {
        return 0;
    }
    const ExpectedTokens tokens =
        expected_tokens(context, prepared_.options_.answer_tokens_default);
    const ExchangeRecord& record = context.record;
    const PricedDemand demand = {
        .upstream = context.upstream_name,
        .model = record.upstream_model.empty() ? record.model : record.upstream_model,
        .prompt_tokens = tokens.prompt,
        .completion_tokens = tokens.completion};
    return prepared_.prices_->picodollars(demand).value_or(0);
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

// What nobody priced has cost nothing that could be charged.
void Budget::on_end(ProcessorContext& context) {
    if (!is_admitted_) {
        return;
    }
    is_admitted_ = false;
    const access::Moment moment = moment_of(context);
    const int64_t cost = context.record.is_priced ? context.record.cost_pico_usd : 0;
    admission_.settle(moment.now, moment.unix_s(), 0, cost);
}

}  // namespace sluice::pipeline
