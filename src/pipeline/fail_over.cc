// Which target of a pool is asked, and where a request goes that it fails.
//
// A failure at one target sends the request to another one at once, as long as nothing was told to
// the client; only when none is left does it wait, by the rules of retry.cc, and begins again.
// Each attempt is made out anew from the request as processors left it.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "balance/balancer.h"
#include "balance/charge.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/prefix_hash.h"
#include "balance/target.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/header_map.h"
#include "http/server_exchange.h"
#include "json/tree.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/failures.h"
#include "pipeline/request_intake.h"
#include "pipeline/request_shape.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "pipeline/target_choice.h"
#include "pipeline/target_pool.h"
#include "pipeline/translated.h"  // IWYU pragma: keep; it is destroyed here.
#include "providers/provider_error.h"

namespace sluice::pipeline {

namespace {

using balance::Outcome;
using Judged = balance::Verdict;
using balance::Without;
using providers::ProviderError;

constexpr std::string_view kStrategyField = "x-sluice-strategy";

constexpr Error kNoTarget = {.kind = ErrorKind::unavailable,
                             .source = ErrorSource::gateway,
                             .where = "no target of the pool can have the request"};
constexpr Error kNoCapable = {.kind = ErrorKind::invalid_field,
                              .source = ErrorSource::client,
                              .where = "no target of the pool can do what is asked"};

}  // namespace

void Exchange::turn_to(const LlmTarget& target) {
    target_ = &target;
    record_.service = target.service;
    record_.upstream_name = target.name;
    record_.upstream_series = target.upstream->options().series_name();
}

// --- The first choice.

coro::Task<Status> Exchange::choose_target() {
    if (!route_->pool->has_choice()) {
        co_return Status();
    }
    CO_TRY_VOID(choose_priority());
    CO_TRY_VOID(begin_choice(*route_->pool));
    const bool has_target = !must_wait_its_turn() && choose_among_left();
    if (!has_target) {
        CO_TRY_VOID(co_await waits_for_target());
    }
    total_.set(Duration::milliseconds(target_->upstream->options().timeouts.total_ms));
    make_out_anew();
    begin_hedge();
    co_return Status();
}

Status Exchange::begin_choice(const TargetPool& pool) {
    record_.pool_name = route_->pool->name;
    SliceQueue& held = intake_->held();
    RequestShape shape = shape_by_size(held.size_bytes(), wants_stream_);
    TRY(const balance::Balancer* const wished, strategy_asked_for());
    const bool wants_blocks = pool.pool->wants_blocks(wished);
    if ((pool.is_particular || wants_blocks) && intake_->has_body()) {
        TRY(const json::Value* const body, parse_whole(held));
        const uint64_t seed =
            wants_blocks ? balance::prefix_seed(record_.model, record_.tenant) : 0;
        shape = shape_of(*body, call_, wants_stream_, seed, client_.request_arena());
    }
    const std::string& header = pool.pool->options().affinity_header;
    const http::HeaderField* const tie =
        header.empty() ? nullptr : client_.head().headers.find(header);
    if (tie != nullptr) {
        shape.affinity = balance::affinity_of(tie->value);
    } else if (!shape.blocks.empty()) {
        shape.affinity = shape.blocks.front();
    }
    choice_ = std::make_unique<TargetChoice>(pool, shape, held, wished);
    return {};
}

// By x-sluice-strategy, where the pool lets requests choose; null for the pool's own.
Result<const balance::Balancer*> Exchange::strategy_asked_for() {
    const http::HeaderField* const field = client_.head().headers.find(kStrategyField);
    if (field == nullptr || !route_->pool->pool->options().allow_override) {
        return nullptr;
    }
    if (const std::optional<balance::Strategy> strategy = balance::strategy_named(field->value)) {
        return &balance::find_balancer(*strategy);
    }
    refusal_ = &client_.arena().make<ProviderError>(ProviderError{
        .status = 400,
        .type = "invalid_request_error",
        .code = "invalid_value",
        .param = kStrategyField,
        .message = client_.arena().join({"There is no strategy '", field->value, "'."})});
    return fail({.kind = ErrorKind::invalid_field,
                 .source = ErrorSource::client,
                 .where = "x-sluice-strategy names no strategy"});
}

// Turns to the next target; false when there is none.
bool Exchange::choose_among_left() {
    while (true) {
        const LlmTarget* const target = choice_->choose(services_.proactor.now(), services_.prng);
        if (target == nullptr) {
            return false;
        }
        const bool can_go_on = target->service->vendor().capabilities.prefill;
        const bool can_serve = target->upstream->options().is_simulated()
                                   ? !has_told_part()
                                   : target->service->can_serve(call_);
        if (can_serve && (can_go_on || continuation_ == nullptr || !has_told_part())) {
            turn_to(*target);
            return true;
        }
        choice_->set_aside(services_.proactor.now());
    }
}

// The request as processors left it, with nothing of what it was for another target.
void Exchange::make_out_anew() {
    if (!intake_->has_body()) {
        return;
    }
    SliceQueue whole;
    choice_->body().share_all_to(whole);
    intake_->replace_held(std::move(whole));
    translated_.reset();
    strips_usage_ = false;
    key_ = nullptr;
    keys_tried_ = 0;
    if (const auto fields = intake_->fields(client_.arena())) {
        name_model(*fields);
    }
}

// --- No target.

Error Exchange::refuse_without_target() {
    const balance::Selection& last = choice_->last();
    const bool is_tried = last.without == Without::tried || last.without == Without::none;
    if (is_tried && record_.attempts == 0) {
        return {.kind = ErrorKind::no_operation, .source = ErrorSource::client};
    }
    Arena& arena = client_.arena();
    ProviderError told = {.status = 503,
                          .type = "server_error",
                          .code = "no_target_available",
                          .retry_after = std::max(last.retry_after, Duration::seconds(1))};
    const std::string_view pool = route_->pool->name;
    Error error = kNoTarget;
    switch (last.without) {
        case Without::incapable: {
            const std::string lacking = balance::names_of_capabilities(last.lacking);
            told = {.status = 400, .type = "invalid_request_error", .code = "no_capable_target"};
            told.message = arena.join(
                {"No target of ", pool, " can do all that is asked; missing: ", lacking, "."});
            error = kNoCapable;
            break;
        }
        case Without::too_long:
            told = {.status = 400,
                    .type = "invalid_request_error",
                    .code = "context_length_exceeded",
                    .param = "messages",
                    .message = arena.join(
                        {"The request is longer than the context of every target of ", pool, "."})};
            error = kNoCapable;
            break;
        case Without::no_room:
            told.code = "overloaded";
            told.message = arena.join(
                {"Every target of ", pool, " has as much in flight as it may; try again later."});
            break;
        case Without::none:
        case Without::tried:
        case Without::resting:
        case Without::empty:
            told.message =
                arena.join({"Every target of ", pool, " is down or resting; try again later."});
            break;
    }
    refusal_ = &arena.make<ProviderError>(told);
    return error;
}

// --- Failures.

// Tells the pool how the attempt ended; once, as the charge is given back with it.
void Exchange::end_attempt(const Error& error) {
    if (choice_ == nullptr || !choice_->charge()) {
        return;
    }
    const Instant now = services_.proactor.now();
    Outcome outcome;
    if (error.kind == ErrorKind::none && !record_.sent.is_set()) {
        outcome.verdict = Judged::neutral;  // Answered without asking it.
    } else if (error.kind == ErrorKind::none) {
        const bool is_empty = record_.response_body_bytes == 0 && record_.upstream_status == 200;
        outcome.verdict = is_empty || record_.reply_failed ? Judged::fault : Judged::success;
        if (record_.first_event.is_set() && record_.events > 1) {
            outcome.per_token =
                (record_.ended - record_.first_event) / static_cast<int64_t>(record_.events - 1);
        }
        if (record_.usage.is_known && !record_.usage.is_estimated) {
            outcome.cached_tokens = static_cast<int32_t>(record_.usage.cached_tokens);
            outcome.prompt_tokens = static_cast<int32_t>(record_.usage.prompt_tokens);
            outcome.output_tokens = static_cast<int32_t>(record_.usage.completion_tokens);
        }
    } else {
        outcome = outcome_of_failure(error, refusal_);
    }
    outcome.was_sent = record_.sent.is_set();
    const balance::Pool* const pool = choice_->pool();
    choice_->end_attempt(outcome, now);
    tell_of_room(pool);
}

// After a failure: true when there is another target for the request, which was turned to.
coro::Task<Result<bool>> Exchange::goes_elsewhere(const Error& error) {
    end_attempt_note(error);
    if (choice_ == nullptr) {
        co_return false;
    }
    const FailureClass failure = failure_class(error, refusal_);
    end_attempt(error);
    hold_hedge();
    if (has_told_part()) {
        co_return begins_anew(failure);
    }
    if (!may_go_again(error)) {
        co_return false;
    }
    if (choice_->may_go_on(failure) && choose_among_left()) {
        begin_retry(RetryReason::fail_over);
        make_out_anew();
        begin_hedge();
        co_return true;
    }
    CO_TRY(const bool again, co_await waits_to_go_again(error));
    if (!again) {
        co_return false;
    }
    choice_->begin_again();
    if (!choose_among_left()) {
        co_return fail(refuse_without_target());
    }
    make_out_anew();
    begin_hedge();
    co_return true;
}

// The first event of a stream is there.
void Exchange::on_first_event() {
    if (record_.first_event.is_set()) {
        return;
    }
    record_.first_event = services_.proactor.now();
    if (choice_ != nullptr) {
        choice_->charge().on_first_token(record_.first_event);
    }
}

}  // namespace sluice::pipeline
