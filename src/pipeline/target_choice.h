// TargetChoice: the targets that an exchange has been with, the one that it is with, and those that
// it can still turn to. Exists where a route leads to a pool; the charge in it is given back with
// it, however the exchange ends.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "balance/charge.h"
#include "balance/pool.h"
#include "base/memory_pool.h"
#include "base/prng.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "pipeline/failures.h"
#include "pipeline/llm_target.h"
#include "pipeline/request_shape.h"
#include "pipeline/target_pool.h"

namespace sluice::pipeline {

class TargetChoice : public Pooled {
public:
    // `body` is shared; it is what every attempt is made out from. `strategy`: instead of the
    // pool's own; null for that.
    TargetChoice(const TargetPool& pool,
                 const RequestShape& shape,
                 const SliceQueue& body,
                 const balance::Balancer* strategy);

    // The target to turn to, which is charged, of this pool or of the next one behind it; null when
    // there is none, and then `last()` says why.
    const LlmTarget* choose(Instant now, Prng& prng);
    const balance::Selection& last() const { return selection_; }

    // The attempt is over. A target that has failed is not asked again, until forget().
    void end_attempt(const balance::Outcome& outcome, Instant now);
    // The target that was chosen cannot be asked at all, which is no attempt.
    void set_aside(Instant now);
    // Another target, for the same request at the same time: of the same pool, charged, and neither
    // the one that is asked now nor one that was. Null when there is none, or when it would be one
    // more than the rules allow; `second` holds the charge.
    const LlmTarget* choose_second(balance::Selection& second, Instant now, Prng& prng);
    // It cannot be asked, which is no attempt.
    void set_second_aside(balance::Selection& second, Instant now);
    // It is over, and is not asked again.
    void end_second(balance::Selection& second, const balance::Outcome& outcome, Instant now);
    // It takes the place of the one that was asked before, whose attempt is over.
    void turn_to_second(balance::Selection& second) { selection_ = std::move(second); }
    // The pool of the target that is asked; null where it was no choice.
    const balance::Pool* pool() const { return pool_->pool; }
    uint32_t prompt_tokens() const { return shape_.prompt_tokens; }
    // By which a queue tells who may find room where another one has found none.
    uint32_t queue_needs() const {
        const uint64_t tokens = uint64_t{shape_.prompt_tokens} + shape_.output_tokens;
        return shape_.needs | first_->pool->needs_of_length(tokens);
    }
    bool has_whole_shape() const { return shape_.is_whole; }
    const balance::Balancer* strategy() const { return strategy_; }

    // Why the pool it begins with would have no target for it, without taking one; `last()` says
    // more. With no_room it might have one.
    balance::Without would_wait(Instant now);
    // Nothing was sent yet: it begins with this pool instead, the same one as it is now.
    void move_to(const TargetPool& pool) {
        first_ = &pool;
        begin_again();
    }

    // After a failure: whether the rules let the request go elsewhere; turns to the pools that are
    // there for this class of failures.
    bool may_go_on(FailureClass failure);
    // All targets of the pool it began with may be asked again.
    void begin_again();

    // The request is under way for good; a long stream must not keep its prompt.
    void let_go_of_request() {
        body_.clear();
        shape_.blocks = {};
    }

    balance::Charge& charge() { return selection_.charge; }
    const SliceQueue& body() const { return body_; }

private:
    const LlmTarget* choose_here(Instant now, Prng& prng);
    balance::Ask ask(bool is_hedge) const;
    balance::Selection select(Instant now, Prng& prng, bool is_hedge) const;

    const TargetPool* first_;
    const TargetPool* pool_;
    std::span<const TargetPool* const> behind_;  // To be tried after pool_.
    RequestShape shape_;
    SliceQueue body_;
    const balance::Balancer* strategy_;
    balance::Selection selection_;
    balance::Selection nearest_;   // Of those that found nothing, the one that was nearest to it.
    std::vector<uint16_t> tried_;  // Of pool_.
    bool has_tried_single_ = false;
    uint32_t attempts_ = 0;
};

}  // namespace sluice::pipeline
