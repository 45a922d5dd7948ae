// An asker is a coroutine like an exchange: one signal, raised by its lookup and its timer, and a
// look at everything when it wakes. Its lookup dies with it, in whatever state it is then.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/prng.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/lookup.h"
#include "cache/reply.h"
#include "cache/response_cache.h"
#include "cache/shared_cache.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "net/timer_wheel.h"
#include "sim/cache_run.h"
#include "sim/cache_world.h"
#include "sim/world.h"

namespace sluice::sim {

namespace {

using cache::LookupState;

// More than a timer and a turn can be late.
constexpr Duration kLateMost = Duration::seconds(1);
constexpr Duration kNever = Duration::seconds(1'000'000);

class Asker {
public:
    Asker(CacheWorld& world, uint32_t shard)
        : world_(world),
          prng_(world.world().prng()),
          proactor_(world.shard(shard).proactor()),
          signal_(proactor_.ready()),
          timer_([](net::Timer& timer) { timer.owner_as<Asker>().signal_.raise(); }, this),
          cache_(world.part(shard)),
          key_(world.drawn_key()),
          lookup_(cache_, signal_) {}

    coro::Task<void> run(Duration delay);
    coro::Task<void> invalidate(Duration delay);

private:
    Instant now() const { return proactor_.now(); }
    coro::Task<void> pause(Duration time);
    coro::Task<void> wait_for_answer();
    coro::Task<void> lead();
    coro::Task<void> follow();
    bool is_leaving() const { return now() >= leaves_at_; }
    bool is_waiting() const {
        return lookup_.state() == LookupState::asked || lookup_.state() == LookupState::joined;
    }
    void end_reading();

    CacheWorld& world_;
    Prng& prng_;
    net::Proactor& proactor_;
    coro::Signal signal_;
    net::Timer timer_;
    cache::SharedCache& cache_;
    const uint32_t key_;
    cache::Lookup lookup_;
    bool wants_pieces_ = false;
    Instant asked_;
    Instant leaves_at_;
    std::string got_;
};

coro::Task<void> Asker::pause(Duration time) {
    const Instant until = now() + time;
    while (now() < until) {
        proactor_.timers().arm(timer_, until);
        co_await signal_.wait();
    }
}

coro::Task<void> Asker::run(Duration delay) {
    co_await pause(delay);
    const AskerManners& manners = world_.manners();
    wants_pieces_ = prng_.chance(manners.wants_pieces);
    asked_ = now();
    leaves_at_ = now() + (prng_.chance(manners.asks_and_leaves)
                              ? world_.world().drawn_up_to(manners.pause_max * 4)
                              : kNever);
    const cache::AskOptions options = {.reads_store = !prng_.chance(manners.wants_fresh),
                                       .coalesces = !prng_.chance(manners.does_not_coalesce),
                                       .wants_pieces = wants_pieces_};
    lookup_.ask(world_.key(key_), options);
    proactor_.timers().arm(timer_, leaves_at_);
    co_await wait_for_answer();
    switch (lookup_.state()) {
        case LookupState::hit:
            world_.judge_whole(key_, lookup_.reply()->body(), asked_, true);
            break;
        case LookupState::leads:
            co_await lead();
            break;
        case LookupState::joined:
            if (!is_leaving()) {
                co_await follow();
            }
            break;
        default:
            break;
    }
}

// Until there is something to do, or it is time to go.
coro::Task<void> Asker::wait_for_answer() {
    while (is_waiting() && !is_leaving()) {
        const bool can_read = lookup_.state() == LookupState::joined &&
                              (lookup_.reader().has_ended() ||
                               (wants_pieces_ && lookup_.reader().available_bytes() > 0));
        if (can_read) {
            break;
        }
        co_await signal_.wait();
    }
    const Duration waited = now() - asked_;
    if (waited > Duration::milliseconds(world_.options().wait_max_ms) + kLateMost) {
        world_.complain("a wait of " + std::to_string(waited.ms()) + " ms");
    }
}

coro::Task<void> Asker::lead() {
    const AskerManners& manners = world_.manners();
    const size_t call = world_.begin_call(key_);
    const std::string body = world_.body_of(call);
    const bool fails = prng_.chance(manners.leads_and_fails);
    const bool leaves = prng_.chance(manners.leads_and_leaves);
    const size_t stops_at =
        fails || leaves ? prng_.below(static_cast<uint32_t>(body.size())) : body.size();
    if (world_.bug() == CacheBug::never_ends && prng_.chance(0.1)) {
        co_await pause(kNever);
    }
    co_await pause(world_.world().drawn_up_to(manners.pause_max));
    lookup_.begin({.form = cache::ReplyForm::stream, .content_type = "text/plain", .note = ""});
    size_t sent = 0;
    bool stopped = false;
    while (sent < body.size() && !stopped) {
        const size_t most = std::min<size_t>(manners.piece_bytes_max, body.size() - sent);
        const size_t size = 1 + prng_.below(static_cast<uint32_t>(most));
        lookup_.append(std::string_view(body).substr(sent, size));
        sent += size;
        stopped = sent >= stops_at && sent < body.size() &&
                  (fails || lookup_.joiners() == 0 || prng_.chance(0.5));
        if (prng_.chance(0.5)) {
            co_await pause(world_.world().drawn_up_to(manners.pause_max));
        }
    }
    const bool keeps_cut = world_.bug() == CacheBug::keeps_what_was_cut;
    world_.end_call(call, !stopped);
    if (!stopped || keeps_cut) {
        const cache::Keep keep = prng_.chance(manners.is_for_joiners_only)
                                     ? cache::Keep::only_for_joiners
                                     : cache::Keep::stored;
        lookup_.finish(keep, Duration::seconds(world_.options().ttl_s));
    } else if (fails) {
        lookup_.fail({.kind = ErrorKind::closed_early, .where = "a drawn failure"});
    }
}

// Reads a joined answer as it comes.
coro::Task<void> Asker::follow() {
    const bool is_slow = prng_.chance(world_.manners().reads_slowly);
    while (!lookup_.reader().is_over() && !lookup_.reader().error() && !is_leaving()) {
        SliceQueue to;
        lookup_.take(is_slow ? 1 + prng_.below(100) : UINT32_MAX, to);
        if (world_.bug() == CacheBug::skips_a_piece && to.size_bytes() > 1 && prng_.chance(0.1)) {
            to.drop_front(1);
        }
        got_ += to.to_string();
        if (is_slow) {
            co_await pause(world_.world().drawn_up_to(world_.manners().pause_max));
        } else if (!lookup_.reader().has_ended()) {
            co_await signal_.wait();
        }
    }
    end_reading();
}

void Asker::end_reading() {
    if (lookup_.state() != LookupState::joined) {
        world_.complain("who has read of an answer is asked to begin again");
    }
    if (lookup_.reader().is_over()) {
        world_.judge_whole(key_, got_, asked_, false);
    } else {
        world_.judge_beginning(key_, got_);
        if (lookup_.reader().error()) {
            world_.failed();
        }
    }
}

coro::Task<void> Asker::invalidate(Duration delay) {
    co_await pause(delay);
    PastInvalidation past{.tenant = CacheWorld::tenant_of(key_), .began = world_.world().now()};
    cache::Invalidation invalidation(cache_, signal_);
    const cache::CacheScope scope = {.tenant = "t" + std::to_string(past.tenant)};
    cache_.invalidate(invalidation, scope);
    if (prng_.chance(0.2)) {
        co_return;  // Does not wait for it.
    }
    while (!invalidation.is_done()) {
        co_await signal_.wait();
    }
    past.ended = world_.world().now();
    world_.invalidated(past);
}

}  // namespace

coro::Task<void> run_asker(CacheWorld& world, uint32_t shard, Duration delay) {
    {
        Asker asker(world, shard);
        co_await asker.run(delay);
    }
    world.asker_done();
}

coro::Task<void> run_invalidation(CacheWorld& world, uint32_t shard, Duration delay) {
    {
        Asker asker(world, shard);
        co_await asker.invalidate(delay);
    }
    world.asker_done();
}

}  // namespace sluice::sim
