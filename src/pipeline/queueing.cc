// Waiting for a target with room, in the order that the pool's queue says.
//
// A request that finds room at once, while nobody waits, has nothing to do with any of this. One
// that waits is called when it is its turn, looks for a target by itself, and is followed by the
// next. What a target gets free is told to the queue where an attempt ends; what frees itself in
// other ways, by the clock or with a new member, is found by the one that watches.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/prefix_hash.h"
#include "balance/waiting_room.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/priority.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/header_map.h"
#include "http/server_exchange.h"
#include "net/deadline.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/options.h"
#include "pipeline/queue_place.h"
#include "pipeline/route_table.h"
#include "pipeline/shard_bell.h"
#include "pipeline/snapshot.h"
#include "pipeline/target_choice.h"
#include "pipeline/target_pool.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

namespace {

using balance::WaitingRoom;
using balance::Without;
using providers::ProviderError;

// How often the one that watches looks whether room has come about by itself.
constexpr Duration kRoomLook = Duration::milliseconds(5);
constexpr Duration kRetryLeast = Duration::seconds(1);
constexpr Duration kRetryMost = Duration::seconds(300);

constexpr std::string_view kPriorityField = "x-sluice-priority";

constexpr Error kNoPlace = {.kind = ErrorKind::unavailable,
                            .source = ErrorSource::gateway,
                            .where = "the queue of the pool cannot have the request"};
constexpr Error kTooLate = {.kind = ErrorKind::unavailable,
                            .source = ErrorSource::gateway,
                            .where = "no target of the pool had room in time"};

// Whether it comes to an end by itself, in time.
bool is_worth_waiting(const balance::Selection& last, Duration left) {
    return last.without == Without::empty ||
           (last.without == Without::no_room && last.retry_after <= left);
}

}  // namespace

std::string_view queue_refusal_name(QueueRefusal refusal) {
    switch (refusal) {
        case QueueRefusal::none:
            return "";
        case QueueRefusal::full:
            return "full";
        case QueueRefusal::hopeless:
            return "hopeless";
        case QueueRefusal::pushed_out:
            return "pushed_out";
        case QueueRefusal::timeout:
            return "timeout";
    }
    return "";
}

// --- Who waits.

// That of the key, or else of the route; where the route lets it, the request's own.
Status Exchange::choose_priority() {
    const RouteOptions& options = *route_->options;
    record_.priority = record_.key_priority.value_or(options.priority);
    if (options.priority_header == PriorityHeader::ignore) {
        return {};
    }
    const http::HeaderField* const field = client_.head().headers.find(kPriorityField);
    if (field == nullptr) {
        return {};
    }
    const std::optional<Priority> named = priority_named(field->value);
    if (!named) {
        refusal_ = &client_.arena().make<ProviderError>(
            ProviderError{.status = 400,
                          .type = "invalid_request_error",
                          .code = "invalid_value",
                          .param = kPriorityField,
                          .message = client_.arena().join({"There is no priority '", field->value,
                                                           "'; it is high, normal or low."})});
        return fail({.kind = ErrorKind::invalid_field,
                     .source = ErrorSource::client,
                     .where = "x-sluice-priority names no priority"});
    }
    const bool may_raise = options.priority_header == PriorityHeader::any;
    if (may_raise || is_above(record_.priority, *named)) {
        record_.priority = *named;
    }
    return {};
}

// Requests of one tenant share its turns, those of a key without one the key's.
uint64_t Exchange::queue_tenant() const {
    if (!record_.tenant.empty()) {
        return balance::affinity_of(record_.tenant);
    }
    // A key may be called as a tenant is.
    return record_.key_id.empty() ? 0 : balance::affinity_of(record_.key_id) ^ 1U;
}

// Somebody waits for what this request needs as well, and comes first.
bool Exchange::must_wait_its_turn() {
    const balance::Pool& pool = *route_->pool->pool;
    if (!pool.state().room.has_waiting() || pool.options().queue.waiting_max == 0) [[likely]] {
        return false;
    }
    const Without without = choice_->would_wait(services_.proactor.now());
    return without == Without::no_room || without == Without::empty;
}

// --- Waiting.

coro::Task<Status> Exchange::waits_for_target() {
    const balance::QueueOptions options = route_->pool->pool->options().queue;
    const Duration longest = Duration::milliseconds(options.wait_ms_max);
    if (options.waiting_max == 0 || !is_worth_waiting(choice_->last(), longest)) {
        co_return fail(refuse_without_target());
    }
    const Instant began = services_.proactor.now();
    QueuePlace place(services_.bell, signal(), route_->pool->pool->room(),
                     {.priority = record_.priority,
                      .tenant = queue_tenant(),
                      .prompt_tokens = choice_->prompt_tokens(),
                      .needs = choice_->queue_needs(),
                      .shard = services_.bell.own_shard()});
    const WaitingRoom::Refusal refused = place.enter(options.waiting_max, longest, began);
    record_.is_queued = true;
    if (refused == WaitingRoom::Refusal::full) {
        co_return fail(refuse_in_queue(QueueRefusal::full, place.retry_after()));
    }
    if (refused == WaitingRoom::Refusal::hopeless) {
        co_return fail(refuse_in_queue(QueueRefusal::hopeless, place.retry_after()));
    }
    const Status done = co_await stands_in_queue(place, began + longest);
    place.leave(done.has_value(), services_.proactor.now());
    record_.queue_wait = services_.proactor.now() - began;
    co_return done;
}

coro::Task<Status> Exchange::stands_in_queue(QueuePlace& place, Instant until) {
    net::Deadline timer(services_.proactor, signal());
    Instant next_look;
    while (true) {
        if (const std::optional<Error> stop = reason_to_stop()) {
            co_return fail(*stop);
        }
        const WaitingRoom::Standing standing = place.standing();
        if (standing.is_pushed_out) {
            co_return fail(refuse_in_queue(QueueRefusal::pushed_out, standing.retry_after));
        }
        const Instant now = services_.proactor.now();
        if (standing.is_called) {
            CO_TRY_VOID(follow_reload());
            choice_->begin_again();
            if (choose_among_left()) {
                co_return Status();
            }
            if (!is_worth_waiting(choice_->last(), until - now)) {
                co_return fail(refuse_without_target());
            }
            if (choice_->last().without == Without::empty) {
                place.pause();
            }
            place.pass(choice_->queue_needs());
        }
        if (now >= until) {
            co_return fail(refuse_in_queue(QueueRefusal::timeout, place.expected_wait(now)));
        }
        Instant wake = until;
        if (standing.is_watcher) {
            if (now >= next_look) {
                next_look = now + kRoomLook;
                place.look();
            }
            wake = std::min(until, next_look);
        }
        timer.set(wake - now);
        co_await pause();
    }
}

// A request that waits may wait for a target that a later configuration has, under the same name of
// the pool.
Status Exchange::follow_reload() {
    const LocalPtr<Snapshot>& newest = services_.newest;
    const Snapshot& own = target_snapshot();
    if (!newest || newest.get() == &own) {
        return {};
    }
    const auto is_same = [this](const auto& pool) {
        return pool->name == route_->pool->name && pool->has_choice();
    };
    const auto found = std::ranges::find_if(newest->pools, is_same);
    if (found == newest->pools.end()) {
        return {};
    }
    const TargetPool& pool = **found;
    turn_to(pool.first());
    choice_->move_to(pool);
    later_ = newest;
    // What was not looked at when it came may make a difference to those that are there now.
    const bool must_look = pool.is_particular || pool.pool->wants_blocks(choice_->strategy());
    return must_look && !choice_->has_whole_shape() ? begin_choice(pool) : Status();
}

// Somewhere a target of `pool` has room now.
void Exchange::tell_of_room(const balance::Pool* pool) {
    if (pool == nullptr || !pool->state().room.has_waiting()) [[likely]] {
        return;
    }
    const balance::WaitingRoomPtr room = pool->room();
    tell_shards(services_.bell, room, room->look());
}

// --- Refusals.

Error Exchange::refuse_in_queue(QueueRefusal why, Duration retry_after) {
    record_.queue_refusal = why;
    Arena& arena = client_.arena();
    const std::string_view pool = route_->pool->name;
    ProviderError told = {.status = 429,
                          .type = "rate_limit_error",
                          .code = "queue_full",
                          .retry_after = std::clamp(retry_after, kRetryLeast, kRetryMost)};
    switch (why) {
        case QueueRefusal::none:
        case QueueRefusal::full:
            told.message = arena.join(
                {"As many requests as may wait for a target of ", pool, "; try again later."});
            break;
        case QueueRefusal::hopeless:
            told.code = "queue_too_long";
            told.message = arena.join({"So many requests wait for a target of ", pool,
                                       " that this one would wait too long; try again later."});
            break;
        case QueueRefusal::pushed_out:
            told.code = "queue_pushed_out";
            told.message = arena.join({"Another request has taken the place in the queue of ", pool,
                                       "; try again later."});
            break;
        case QueueRefusal::timeout:
            told.status = 503;
            told.type = "server_error";
            told.code = "queue_timeout";
            told.message = arena.join(
                {"No target of ", pool, " had room for the request in time; try again later."});
            break;
    }
    refusal_ = &arena.make<ProviderError>(told);
    return why == QueueRefusal::timeout ? kTooLate : kNoPlace;
}

}  // namespace sluice::pipeline
