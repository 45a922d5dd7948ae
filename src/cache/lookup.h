// Lookup: one exchange's question to the cache, and what it may do with the answer.
//
// It ends in one of five states. hit: a finished reply. leads: nobody has the answer; the exchange
// calls the upstream and records what it relays. joined: somebody is getting the answer, which is
// read as it comes. missed: go alone. failed: those who led have failed one after another. The
// answer raises the exchange's signal; a lookup may be destroyed in any state, and what is on its
// way to it then finds nobody.
// Lives in the frame of its exchange, on that exchange's shard.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/assert.h"
#include "base/error.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/live_reply.h"
#include "cache/reply.h"
#include "coro/signal.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::cache {

class SharedCache;

enum class LookupState : uint8_t { idle, asked, hit, leads, joined, missed, failed };

struct AskOptions {
    bool reads_store = true;    // Off for a client who wants a fresh answer.
    bool coalesces = true;      // Leads or joins; otherwise it is a hit or a miss.
    bool wants_pieces = false;  // Joins to read while it comes; otherwise only the end is told.
};

// What becomes of a recorded answer.
enum class Keep : uint8_t { stored, only_for_joiners };

class Lookup final : private net::Proactor::Flushable {
public:
    // Both outlive the lookup.
    Lookup(SharedCache& cache, coro::Signal& signal);
    ~Lookup() { leave(); }
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

    // Once. The answer may be there when it returns: look at state() before waiting.
    void ask(KeyRef key, const AskOptions& options);
    LookupState state() const { return state_; }

    // --- hit.
    const ReplyRef& reply() const { return reply_; }
    Duration age() const { return age_; }
    // Whether it was another's call that has just ended, not the store.
    bool was_joined() const { return was_joined_; }

    // --- failed.
    const Error& error() const { return error_; }

    // --- joined. While nothing was taken the state may still change: to hit when the answer is
    // complete and kept, to leads when who led has failed, to missed when it takes too long.
    const LiveReader& reader() const { return reader_; }
    // Like LiveReader::take. The first one commits.
    void take(uint64_t bytes_max, SliceQueue& to);
    // From now on it is this answer or none, because something of it was passed on.
    void commit();

    // --- leads. The answer's head, then its pieces, then one of the two ends.
    void begin(const ReplyHead& head);
    void append(std::string_view piece);
    // Only for a complete, successful answer.
    // `note`, where it is not empty, takes the place of the head's.
    void finish(Keep keep, Duration ttl, std::string_view note = {});
    // Whoever had nothing of it tries again: one of them leads next.
    void fail(const Error& error);
    // Who would lose the answer if the leader stopped. May lag behind by a message.
    uint32_t joiners() const { return joiners_; }
    // Whether appending still serves somebody.
    bool is_recording() const { return recording_.has_value() && !recording_is_pointless(); }

    // What was recorded so far could be kept.
    bool is_whole() const { return recording_.has_value() && recording_->is_whole(); }

    // As the destructor does: detaches, or fails as cancelled when it leads.
    void leave();

private:
    friend class SharedCache;

    // Joiners of a call that failed try once more; an upstream that fails again fails for all.
    static constexpr uint32_t kFailuresMax = 2;

    void flush() override;
    Recording& recording() {
        SLUICE_ASSERT(recording_.has_value());
        return *recording_;
    }
    const Recording& recording() const {
        SLUICE_ASSERT(recording_.has_value());
        return *recording_;
    }
    // Nobody reads it, and its owner has said that nobody will: until then somebody may be joining.
    bool recording_is_pointless() const {
        return !recording().is_whole() && piece_joiners_ == 0 && is_closed_;
    }
    void ask_owner();
    void settle(LookupState state);
    void publish_soon();
    static void on_timer(net::Timer& timer);

    // --- What messages bring.
    void on_hit(ReplyRef reply, Duration age);
    void on_lead(uint64_t flight);
    void on_joined(uint64_t flight, const LiveProgress& progress);
    void on_missed();
    void on_progress(const LiveProgress& progress);
    void on_complete(const LiveProgress& progress, const ReplyRef& reply);
    void on_failed(const Error& error);
    void on_joiners(uint32_t joiners, uint32_t piece_joiners, bool is_open);

    SharedCache& cache_;
    coro::Signal& signal_;
    KeyRef key_;
    AskOptions options_;
    LookupState state_ = LookupState::idle;
    bool is_committed_ = false;
    bool is_asking_ = false;  // Inside ask(), which needs no signal.
    bool told_of_overflow_ = false;
    uint32_t owner_ = 0;
    uint64_t number_ = 0;  // In the shard's table while messages may come; otherwise 0.
    uint64_t flight_ = 0;  // In the owner's table, once known.
    ReplyRef reply_;
    Duration age_;
    Error error_{.kind = ErrorKind::none};  // Of the last leader.
    uint32_t failures_ = 0;                 // Of leaders; those that left do not count.
    bool was_joined_ = false;
    LiveReader reader_;
    std::optional<Recording> recording_;
    uint32_t joiners_ = 0;
    uint32_t piece_joiners_ = 0;
    bool is_closed_ = false;  // To joiners, says the owner of the flight.
    Instant deadline_;
    net::Timer timer_;
};

}  // namespace sluice::cache
