// What a lookup does by itself and what messages do to it. A number is taken for each question and
// given back with its last message, so nothing that comes late reaches a later question.
#include "cache/lookup.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/live_reply.h"
#include "cache/reply.h"
#include "cache/shared_cache.h"
#include "coro/signal.h"
#include "net/timer_wheel.h"

namespace sluice::cache {

Lookup::Lookup(SharedCache& cache, coro::Signal& signal)
    : cache_(cache),
      signal_(signal),
      reader_(cache.options().entry_bytes_max),
      timer_(&on_timer, this) {}

void Lookup::ask(KeyRef key, const AskOptions& options) {
    SLUICE_ASSERT(state_ == LookupState::idle);
    key_ = std::move(key);
    options_ = options;
    owner_ = cache_.owner_of_key(*key_);
    deadline_ = cache_.now() + Duration::milliseconds(cache_.options().wait_max_ms);
    is_asking_ = true;
    ask_owner();
    is_asking_ = false;
    if (state_ == LookupState::asked || state_ == LookupState::joined) {
        cache_.timers().arm(timer_, deadline_);
    }
}

void Lookup::ask_owner() {
    state_ = LookupState::asked;
    flight_ = 0;
    number_ = cache_.lookups_.add(*this);
    cache_.send_ask(owner_, {cache_.index(), options_.wants_pieces, number_}, key_, options_);
}

// The last word on this question, unless it leads or has joined.
void Lookup::settle(LookupState state) {
    state_ = state;
    if (state != LookupState::leads && state != LookupState::joined && number_ != 0) {
        cache_.lookups_.remove(std::exchange(number_, 0));
    }
    if (state != LookupState::joined) {
        timer_.cancel();
    }
    if (!is_asking_) {
        signal_.raise();
    }
}

void Lookup::leave() {
    timer_.cancel();
    if (number_ == 0) {
        return;
    }
    if (state_ == LookupState::leads) {
        fail({.kind = ErrorKind::cancelled, .where = "the request that led has ended"});
        return;
    }
    // A question without an answer yet is left when the answer comes and finds nobody.
    if (state_ == LookupState::joined) {
        cache_.send_leave(owner_, flight_, {cache_.index(), options_.wants_pieces, number_});
    }
    cache_.lookups_.remove(std::exchange(number_, 0));
    state_ = LookupState::missed;
}

void Lookup::on_timer(net::Timer& timer) {
    auto& lookup = timer.owner_as<Lookup>();
    lookup.leave();
    lookup.settle(LookupState::missed);
}

// --- Joined. -----------------------------------------------------------------------------------

void Lookup::commit() {
    is_committed_ = true;
    timer_.cancel();
}

void Lookup::take(uint64_t bytes_max, SliceQueue& to) {
    commit();
    reader_.take(bytes_max, to);
}

void Lookup::on_joined(uint64_t flight, const LiveProgress& progress) {
    flight_ = flight;
    reader_.update(progress);
    settle(LookupState::joined);
}

void Lookup::on_progress(const LiveProgress& progress) {
    reader_.update(progress);
    signal_.raise();
}

void Lookup::on_complete(const LiveProgress& progress, const ReplyRef& reply) {
    if (reply && !is_committed_) {
        was_joined_ = true;
        on_hit(reply, Duration());
        return;
    }
    reader_.update(progress);
    if (!reply && !reader_.can_read()) {
        on_missed();
        return;
    }
    if (reply) {
        reader_.complete(reply);
    } else {
        reader_.end(progress.bytes);
    }
    cache_.lookups_.remove(std::exchange(number_, 0));
    timer_.cancel();
    signal_.raise();
}

void Lookup::on_failed(const Error& error) {
    cache_.lookups_.remove(std::exchange(number_, 0));
    if (is_committed_) {
        reader_.fail(error);
        signal_.raise();
        return;
    }
    failures_ += error.kind == ErrorKind::cancelled ? 0 : 1;
    if (failures_ == kFailuresMax) {
        error_ = error;
        settle(LookupState::failed);
        return;
    }
    reader_ = LiveReader(cache_.options().entry_bytes_max);
    ask_owner();
}

// --- Answers. ----------------------------------------------------------------------------------

void Lookup::on_hit(ReplyRef reply, Duration age) {
    reply_ = std::move(reply);
    age_ = age;
    settle(LookupState::hit);
}

void Lookup::on_missed() {
    if (is_committed_) {
        on_failed({.kind = ErrorKind::overloaded, .where = "the shared answer is no longer kept"});
        return;
    }
    settle(LookupState::missed);
}

void Lookup::on_lead(uint64_t flight) {
    flight_ = flight;
    recording_.emplace(cache_.budget_, cache_.options().entry_bytes_max);
    settle(LookupState::leads);
}

// --- Leads. ------------------------------------------------------------------------------------

void Lookup::begin(const ReplyHead& head) {
    SLUICE_ASSERT(state_ == LookupState::leads && recording_.has_value());
    recording().begin(head, cache_.now());
    publish_soon();
}

void Lookup::append(std::string_view piece) {
    if (!is_recording()) {
        return;
    }
    recording().append(piece, cache_.now());
    publish_soon();
}

void Lookup::publish_soon() {
    const bool overflowed = !recording().is_whole() && !told_of_overflow_;
    if (piece_joiners_ > 0 || overflowed) {
        cache_.flush_at_end_of_turn(*this);
    }
}

void Lookup::flush() {
    if (state_ != LookupState::leads || number_ == 0) {
        return;
    }
    told_of_overflow_ = !recording().is_whole();
    cache_.send_progress(owner_, flight_, recording().progress(), recording().is_whole());
    if (recording_is_pointless()) {
        recording().release();
    }
}

void Lookup::on_joiners(uint32_t joiners, uint32_t piece_joiners, bool is_open) {
    joiners_ = joiners;
    piece_joiners_ = piece_joiners;
    is_closed_ = !is_open;
    if (recording_is_pointless()) {
        recording().release();
    } else if (recording().has_begun()) {
        publish_soon();
    }
    signal_.raise();
}

void Lookup::finish(Keep keep, Duration ttl, std::string_view note) {
    SLUICE_ASSERT(state_ == LookupState::leads && number_ != 0 && recording().has_begun());
    const bool is_wanted = keep == Keep::stored || joiners_ > 0;
    const ReplyRef reply = is_wanted ? recording().finish(note) : ReplyRef();
    cache_.send_complete(owner_, flight_, recording().progress(), reply,
                         keep == Keep::stored ? ttl : Duration());
    recording_.reset();
    cache_.lookups_.remove(std::exchange(number_, 0));
}

void Lookup::fail(const Error& error) {
    SLUICE_ASSERT(state_ == LookupState::leads);
    if (number_ != 0) {
        cache_.send_failed(owner_, flight_, error);
        recording_.reset();
        cache_.lookups_.remove(std::exchange(number_, 0));
    }
}

}  // namespace sluice::cache
