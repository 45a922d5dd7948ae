// Choosing the scopes, asking them, perhaps waiting, settling.
#include "pipeline/processors/rate_limit.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <variant>

#include "access/admission.h"
#include "access/limit_book.h"
#include "access/scope_limits.h"
#include "access/scope_set.h"
#include "access/virtual_key.h"
#include "base/error.h"
#include "base/time.h"
#include "coro/task.h"
#include "net/deadline.h"
#include "pipeline/exchange.h"
#include "pipeline/expected_tokens.h"
#include "pipeline/limit_words.h"
#include "pipeline/options.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/route_table.h"

namespace sluice::pipeline {

namespace {

using access::LimitName;

// Money is the budget step's.
constexpr access::LimitMask kOwnLimits =
    access::kAllLimits & static_cast<access::LimitMask>(~access::bit_of(LimitName::budget));

// Where none of them is in force, nobody parses a prompt.
constexpr access::LimitMask kTokenLimits = access::bit_of(LimitName::tokens_per_minute) |
                                           access::bit_of(LimitName::tokens_per_hour) |
                                           access::bit_of(LimitName::tokens_per_day);

// Names of clients' making are kept up to here.
constexpr size_t kScopeNameBytesMax = 128;

// How often somebody who waits for room looks again: another shard may have made some.
constexpr Duration kLook = Duration::milliseconds(10);
constexpr Duration kLookMin = Duration::milliseconds(1);

std::string_view name_of_scope(LimitPer per, const ProcessorContext& context) {
    switch (per) {
        case LimitPer::key:
            return context.record.key_id;
        case LimitPer::tenant:
            return context.record.tenant;
        case LimitPer::model:
            return context.record.model.substr(0, kScopeNameBytesMax);
        case LimitPer::upstream:
            return context.upstream_name;
        case LimitPer::route:
            return context.route == nullptr ? std::string_view()
                                            : std::string_view(context.route->options->path_prefix);
        case LimitPer::all:
            break;
    }
    return {};
}

}  // namespace

RateLimit::Prepared::Prepared(const ProcessorOptions& options, const ProcessorResources& resources)
    : options_(*std::get_if<RateLimitOptions>(&options.config)),
      own_(resources.find_scopes(options.name)) {}

// Of two such steps in a chain the first one counts for key and tenant.
void RateLimit::choose_scopes(ProcessorContext& context, const access::Moment& moment) {
    if (context.key != nullptr && !context.is_key_counted) {
        context.is_key_counted = true;
        scopes_[0] = context.key->limits.get();
        scopes_[1] = context.key->tenant.get();
    }
    if (prepared_.own_ != nullptr) {
        scopes_[2] = &prepared_.own_->scope(name_of_scope(prepared_.options_.per, context), moment);
    }
    const bool counts_tokens = std::ranges::any_of(scopes_, [](const access::ScopeLimits* scope) {
        return scope != nullptr && (scope->limits_in_force() & kTokenLimits) != 0;
    });
    demand_.tokens =
        counts_tokens ? expected_tokens(context, prepared_.options_.answer_tokens_default).total()
                      : 0;
    demand_.limits = kOwnLimits;
}

std::optional<access::Refusal> RateLimit::try_admit(ProcessorContext& context,
                                                    const access::Moment& moment) {
    demand_.now = moment.now;
    demand_.unix_s = moment.unix_s();
    std::optional<access::Refusal> refusal = admission_.admit(scopes_, demand_);
    if (!refusal) {
        is_admitted_ = true;
        set_rate_fields(context, scopes_, moment.now);
    }
    return refusal;
}

// What takes longer than there is time for is refused at once.
bool RateLimit::may_wait(const access::Refusal& refusal, Duration left) const {
    return prepared_.options_.on_limit == OnLimit::wait && !refusal.is_too_large &&
           left > Duration() && refusal.retry_after <= left;
}

Verdict RateLimit::refuse(ProcessorContext& context, const access::Refusal& refusal, Instant now) {
    set_rate_fields(context, scopes_, now);
    return refuse_limit(context, refusal, demand_);
}

Verdict RateLimit::on_request(ProcessorContext& context) {
    const access::Moment moment = moment_of(context);
    choose_scopes(context, moment);
    const std::optional<access::Refusal> refusal = try_admit(context, moment);
    if (!refusal) {
        return Verdict::proceed();
    }
    const Duration wait_max = Duration::milliseconds(prepared_.options_.wait_max_ms);
    return may_wait(*refusal, wait_max) ? Verdict::wait() : refuse(context, *refusal, moment.now);
}

coro::Task<Verdict> RateLimit::wait(ProcessorContext& context) {
    net::Deadline next_look(context.services->proactor, context.patience->signal());
    const Instant ends =
        moment_of(context).now + Duration::milliseconds(prepared_.options_.wait_max_ms);
    while (true) {
        if (const std::optional<Error> stop = context.patience->reason_to_stop()) {
            co_return Verdict::failed(*stop);
        }
        const access::Moment moment = moment_of(context);
        const std::optional<access::Refusal> refusal = try_admit(context, moment);
        if (!refusal) {
            co_return Verdict::proceed();
        }
        const Duration left = ends - moment.now;
        if (!may_wait(*refusal, left)) {
            co_return refuse(context, *refusal, moment.now);
        }
        const bool is_known = refusal->retry_after > Duration();
        next_look.set(std::max(std::min(is_known ? refusal->retry_after : kLook, left), kLookMin));
        co_await context.patience->signal().wait();
    }
}

void RateLimit::on_end(ProcessorContext& context) {
    if (!is_admitted_) {
        return;
    }
    is_admitted_ = false;
    if (was_refused_before_it_began(context.record)) {
        admission_.cancel();
        return;
    }
    const access::Moment moment = moment_of(context);
    admission_.settle(moment.now, moment.unix_s(), used_tokens(context.record, demand_.tokens), 0);
}

}  // namespace sluice::pipeline
