// From pool to pool, each target once.
#include "pipeline/target_choice.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "balance/charge.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "base/prng.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "pipeline/failures.h"
#include "pipeline/llm_target.h"
#include "pipeline/request_shape.h"
#include "pipeline/target_pool.h"

namespace sluice::pipeline {

namespace {

// As fail_over.on calls it; empty for those that have pools of their own, or none.
std::string_view setting_of(FailureClass failure) {
    switch (failure) {
        case FailureClass::throttled:
            return "throttled";
        case FailureClass::server:
            return "server_error";
        case FailureClass::timeout:
            return "timeout";
        case FailureClass::connection:
            return "connection";
        case FailureClass::credential:
        case FailureClass::model:
            return "credential";
        case FailureClass::none:
        case FailureClass::too_long:
        case FailureClass::filtered:
            break;
    }
    return "";
}

}  // namespace

TargetChoice::TargetChoice(const TargetPool& pool,
                           const RequestShape& shape,
                           const SliceQueue& body,
                           const balance::Balancer* strategy)
    : first_(&pool), pool_(&pool), behind_(pool.fallbacks), shape_(shape), strategy_(strategy) {
    body.share_all_to(body_);
}

const LlmTarget* TargetChoice::choose(Instant now, Prng& prng) {
    while (true) {
        if (const LlmTarget* const target = choose_here(now, prng)) {
            ++attempts_;
            return target;
        }
        // Why there is none is told of the pool that was nearest to having one.
        if (selection_.without > nearest_.without) {
            nearest_ = std::move(selection_);
        }
        if (behind_.empty()) {
            selection_ = std::exchange(nearest_, {});
            return nullptr;
        }
        pool_ = behind_.front();
        behind_ = behind_.subspan(1);
        tried_.clear();
        has_tried_single_ = false;
    }
}

const LlmTarget* TargetChoice::choose_here(Instant now, Prng& prng) {
    if (!pool_->has_choice()) {
        selection_ = {};
        return std::exchange(has_tried_single_, true) ? nullptr : &pool_->first();
    }
    selection_ = select(now, prng, false);
    return selection_ ? &pool_->targets[selection_.target] : nullptr;
}

balance::Ask TargetChoice::ask(bool is_hedge) const {
    return {.prompt_tokens = shape_.prompt_tokens,
            .output_tokens = shape_.output_tokens,
            .needs = shape_.needs,
            .is_hedge = is_hedge,
            .has_first_token = shape_.is_streamed,
            .blocks = shape_.blocks,
            .affinity = shape_.affinity,
            .tried = tried_,
            .overrides = strategy_};
}

balance::Selection TargetChoice::select(Instant now, Prng& prng, bool is_hedge) const {
    return pool_->pool->select(ask(is_hedge), now, prng);
}

balance::Without TargetChoice::would_wait(Instant now) {
    selection_ = first_->pool->refusal(ask(false), now);
    return selection_.without;
}

const LlmTarget* TargetChoice::choose_second(balance::Selection& second, Instant now, Prng& prng) {
    if (attempts_ >= first_->pool->options().fail_over.attempts_max) {
        return nullptr;
    }
    tried_.push_back(selection_.target);
    second = select(now, prng, true);
    tried_.pop_back();
    if (!second) {
        return nullptr;
    }
    ++attempts_;
    return &pool_->targets[second.target];
}

void TargetChoice::set_second_aside(balance::Selection& second, Instant now) {
    if (second.charge) {
        second.charge.finish({.was_sent = false}, now);
        --attempts_;
    }
}

void TargetChoice::end_second(balance::Selection& second,
                              const balance::Outcome& outcome,
                              Instant now) {
    if (second.charge) {
        second.charge.finish(outcome, now);
        tried_.push_back(second.target);
    }
}

void TargetChoice::set_aside(Instant now) {
    if (charge()) {
        tried_.push_back(selection_.target);
        charge().finish({.was_sent = false}, now);
    }
    --attempts_;
}

void TargetChoice::end_attempt(const balance::Outcome& outcome, Instant now) {
    if (charge()) {
        charge().finish(outcome, now);
        tried_.push_back(selection_.target);
    }
}

bool TargetChoice::may_go_on(FailureClass failure) {
    const balance::PoolOptions& options = first_->pool->options();
    if (attempts_ >= options.fail_over.attempts_max) {
        return false;
    }
    const bool is_too_long = failure == FailureClass::too_long;
    if (is_too_long || failure == FailureClass::filtered) {
        // Only those that are there for it would say anything else.
        const auto& others = is_too_long ? first_->longer_context : first_->other_filter;
        if (others.empty() || pool_ != first_) {
            return false;
        }
        pool_ = others.front();
        behind_ = std::span(others).subspan(1);
        nearest_ = {};
        tried_.clear();
        has_tried_single_ = false;
        return true;
    }
    return std::ranges::find(options.fail_over.on, setting_of(failure)) !=
           options.fail_over.on.end();
}

void TargetChoice::begin_again() {
    pool_ = first_;
    behind_ = first_->fallbacks;
    nearest_ = {};
    tried_.clear();
    has_tried_single_ = false;
}

}  // namespace sluice::pipeline
