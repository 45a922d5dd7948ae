// Names of people where they have one: a key is told by its name, not by its id.
#include "pipeline/limit_words.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "access/admission.h"
#include "access/limit_book.h"
#include "access/money.h"
#include "access/scope_limits.h"
#include "access/virtual_key.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"
#include "net/proactor.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

namespace {

using access::LimitName;
using access::Refusal;
using access::ScopeLimits;

constexpr uint16_t kTooManyRequests = 429;

int64_t ms_rounded_up(Duration duration) {
    return std::max<int64_t>((duration.ns() + 999'999) / 1'000'000, 0);
}

std::string whose(const ProcessorContext& context, const ScopeLimits& scope) {
    if (context.key != nullptr && &scope == context.key->limits.get()) {
        return fmt::format("key '{}'", context.key->record.name);
    }
    const std::string_view kind = access::scope_kind_name(scope.kind());
    return scope.name() == kind ? fmt::format("the {}", kind)
                                : fmt::format("{} '{}'", kind, scope.name());
}

std::string budget_message(const ProcessorContext& context, const Refusal& refusal) {
    return fmt::format(
        "You exceeded your current quota: the budget of {} is {} dollars, of which {} are left.",
        whose(context, *refusal.scope), access::format_dollars(refusal.limit_value),
        access::format_dollars(refusal.remaining));
}

std::string limit_message(const ProcessorContext& context,
                          const Refusal& refusal,
                          const access::Demand& demand) {
    const int64_t requested = access::counts_tokens(refusal.limit) ? demand.tokens : 1;
    const std::string limit =
        fmt::format("{} on {}: Limit {}, Remaining {}, Requested {}.",
                    whose(context, *refusal.scope), access::limit_name(refusal.limit),
                    refusal.limit_value, std::max<int64_t>(refusal.remaining, 0), requested);
    if (refusal.is_too_large) {
        return "Request too large for " + limit + " Waiting does not help.";
    }
    std::string message = "Rate limit reached for " + limit;
    if (refusal.retry_after > Duration()) {
        message +=
            fmt::format(" Please try again in {}.", reset_text(refusal.retry_after, context.arena));
    }
    return message;
}

void set_fields_of(ProcessorContext& context,
                   std::string_view unit,
                   const access::RateStatus& status) {
    Arena& arena = context.arena;
    const auto set = [&](std::string_view what, std::string_view value) {
        context.response_fields.set(arena.join({"x-ratelimit-", what, "-", unit}), value);
    };
    const int64_t remaining = std::clamp<int64_t>(status.rate.remaining, 0, status.rate.limit);
    set("limit", arena.copy(std::to_string(status.rate.limit)));
    set("remaining", arena.copy(std::to_string(remaining)));
    set("reset", reset_text(status.rate.reset_after, arena));
}

}  // namespace

std::string_view reset_text(Duration duration, Arena& arena) {
    const int64_t ms = ms_rounded_up(duration);
    if (ms < 1000) {
        return arena.copy(fmt::format("{}ms", ms));
    }
    const int64_t hours = ms / 3'600'000;
    const int64_t minutes = ms / 60'000 % 60;
    std::string text;
    if (hours > 0) {
        text = fmt::format("{}h{}m", hours, minutes);
    } else if (minutes > 0) {
        text = fmt::format("{}m", minutes);
    }
    text += fmt::format("{}", ms / 1000 % 60);
    if (ms % 1000 != 0) {
        std::string part = fmt::format(".{:03}", ms % 1000);
        part.erase(part.find_last_not_of('0') + 1);
        text += part;
    }
    return arena.copy(text + "s");
}

access::Moment moment_of(const ProcessorContext& context) {
    if (context.services == nullptr) {
        return {.now = context.now, .unix_ms = context.wall_clock_ns / 1'000'000};
    }
    const net::Ring& ring = context.services->proactor.ring();
    return {.now = ring.now(), .unix_ms = ring.wall_clock_ns() / 1'000'000};
}

Verdict refuse_limit(ProcessorContext& context,
                     const Refusal& refusal,
                     const access::Demand& demand) {
    context.record.limit = access::limit_name(refusal.limit);
    context.record.limit_scope = access::scope_kind_name(refusal.scope->kind());
    const bool is_budget = refusal.limit == LimitName::budget;
    const std::string message =
        is_budget ? budget_message(context, refusal) : limit_message(context, refusal, demand);
    providers::ProviderError told = {
        .status = kTooManyRequests,
        .type = is_budget ? "insufficient_quota" : "rate_limit_error",
        .code = is_budget ? "insufficient_quota" : "rate_limit_exceeded",
        .message = message,
    };
    if (refusal.retry_after > Duration()) {
        told.retry_after = Duration::milliseconds(ms_rounded_up(refusal.retry_after));
    }
    if (is_budget || refusal.is_too_large) {
        told.blame = providers::Blame::credential;  // Another try cannot help.
    }
    return context.refuse(is_budget ? ErrorKind::over_budget : ErrorKind::rate_limited, told);
}

void set_rate_fields(ProcessorContext& context, std::span<ScopeLimits* const> scopes, Instant now) {
    if (const auto requests = access::tightest_rate(scopes, access::RateUnit::requests, now)) {
        set_fields_of(context, "requests", *requests);
    }
    if (const auto tokens = access::tightest_rate(scopes, access::RateUnit::tokens, now)) {
        set_fields_of(context, "tokens", *tokens);
    }
}

}  // namespace sluice::pipeline
