// SharedCache: one shard's part of the cache of the whole process, and its way to the other parts.
//
// A key belongs to one shard, by its digest, so that it hits or misses alike however many shards
// there are. The owner keeps the entry and knows the call that is under way for it (a flight): who
// leads, who has joined. Lookups on other shards ask by mailbox; a hit brings back a Ref, not a
// copy. All of a flight's news passes through its owner, in order; so there is one truth about it.
// One per shard, made and used on its thread; lives while its shard turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/key_table.h"
#include "cache/live_reply.h"
#include "cache/lookup.h"
#include "cache/options.h"
#include "cache/reply.h"
#include "cache/response_cache.h"
#include "cache/slot_table.h"
#include "coro/signal.h"
#include "net/mailbox.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "net/timer_wheel.h"

namespace sluice::cache {

class SharedCache;

// The parts of all shards. Made before any shard runs; each shard puts its own part in, and looks
// at others only when all have done so.
class CacheGroup {
public:
    CacheGroup(net::ShardGroup& shards, const CacheOptions& options)
        : shards_(shards), options_(options), parts_(shards.size(), nullptr) {}

    size_t size() const { return parts_.size(); }
    const CacheOptions& options() const { return options_; }
    SharedCache& part(size_t index) const { return *parts_[index]; }
    net::Mailbox& mailbox(size_t index) const { return shards_.shard(index).mailbox(); }
    void set(size_t index, SharedCache& part) { parts_[index] = &part; }
    // The sum over all shards, from any thread.
    CacheStatistics statistics() const;

private:
    net::ShardGroup& shards_;
    const CacheOptions options_;
    std::vector<SharedCache*> parts_;
};

// One call of invalidate(): in the frame of whoever waits for it.
class Invalidation {
public:
    Invalidation(SharedCache& cache, coro::Signal& signal) : cache_(cache), signal_(signal) {}
    ~Invalidation();
    Invalidation(const Invalidation&) = delete;
    Invalidation& operator=(const Invalidation&) = delete;

    // Entries that went, so far.
    uint64_t removed() const { return removed_; }
    bool is_done() const { return shards_left_ == 0; }

private:
    friend class SharedCache;
    SharedCache& cache_;
    coro::Signal& signal_;
    uint64_t number_ = 0;
    uint64_t removed_ = 0;
    uint32_t shards_left_ = 0;
};

class SharedCache {
public:
    SharedCache(net::Shard& shard, CacheGroup& group);
    ~SharedCache();
    SharedCache(const SharedCache&) = delete;
    SharedCache& operator=(const SharedCache&) = delete;

    uint32_t index() const { return index_; }
    const CacheOptions& options() const { return group_.options(); }
    Instant now() const { return proactor_.now(); }

    // Keeps a reply that no lookup led to.
    void store(KeyRef key, ReplyRef reply, Duration ttl);
    // Removes what `scope` covers on all shards, in parts that do not hold up a turn. Calls under
    // way for it are finished, but neither kept nor joined any more.
    void invalidate(Invalidation& ticket, const CacheScope& scope);
    // The same on this shard alone, for whoever asks all shards and is none itself. `done` runs
    // here, once, in a later turn or at once.
    using WalkDone = std::function<void(SharedCache& here, uint64_t removed)>;
    void invalidate_here(const CacheScope& scope, WalkDone done);

    // Of this shard.
    CacheStatistics statistics() const { return store_.statistics(); }
    size_t flights() const { return flights_by_number_.size(); }
    size_t lookups() const { return lookups_.size(); }
    uint64_t recording_bytes() const { return budget_.bytes; }
    // For a recording that no lookup leads.
    RecordingBudget& recording_budget() { return budget_; }
    // For a file: adds this shard's entries, or takes those of `entries` that it owns, which come
    // latest use first.
    void export_to(std::vector<StoredEntry>& entries);
    size_t import_from(std::span<const StoredEntry> entries);

private:
    friend class Lookup;
    friend class Invalidation;

    // Where a lookup is to be found.
    struct Place {
        uint32_t shard;
        bool wants_pieces;
        uint64_t number;
    };
    // A call under way, on the shard that owns its key.
    struct Flight final : ListNode {
        KeyRef key;
        Flight* next_in_bucket = nullptr;
        uint64_t number = 0;
        Place leader{};
        LiveProgress progress;
        std::vector<Place> joiners;  // By shard.
        uint32_t piece_joiners = 0;
        bool is_open = true;    // Whether all of it can still be read from the beginning.
        bool is_listed = true;  // In the table: may be joined, and kept.
    };
    // What one shard does for an invalidation.
    struct Walk {
        CacheScope scope;
        WalkDone done;
        uint64_t before = 0;
        size_t bucket = 0;
        uint64_t removed = 0;
    };

    // Runs `function` on another shard's part, or on this one at once.
    template <class Function>
    void run_on(uint32_t shard, Function function);
    template <class Function>
    void post(uint32_t shard, Function function);

    // --- For Lookup.
    uint32_t owner_of_key(const CacheKey& key) const {
        return owner_of(key.shard_hash(), group_.size());
    }
    net::TimerWheel& timers() { return proactor_.timers(); }
    void flush_at_end_of_turn(net::Proactor::Flushable& item) {
        proactor_.flush_at_end_of_turn(item);
    }
    void send_ask(uint32_t owner, Place asker, const KeyRef& key, const AskOptions& options);
    void send_leave(uint32_t owner, uint64_t flight, Place joiner);
    void send_progress(uint32_t owner, uint64_t flight, LiveProgress progress, bool is_whole);
    void send_complete(
        uint32_t owner, uint64_t flight, LiveProgress progress, ReplyRef reply, Duration ttl);
    void send_failed(uint32_t owner, uint64_t flight, const Error& error);

    // --- As the owner of a key.
    void on_ask(Place asker, const KeyRef& key, const AskOptions& options);
    void on_leave(uint64_t number, Place joiner);
    void on_progress(uint64_t number, const LiveProgress& progress, bool is_whole);
    void on_complete(uint64_t number,
                     const LiveProgress& progress,
                     const ReplyRef& reply,
                     Duration ttl);
    void on_failed(uint64_t number, const Error& error);
    void take_off(Place asker, const KeyRef& key);
    void join(Flight& flight, Place asker);
    void close(Flight& flight);
    std::unique_ptr<Flight> land(uint64_t number);
    void unlist(Flight& flight);
    void tell_leader(const Flight& flight);
    template <class Function>
    void tell(Place place, Function function);
    // Runs `function` with each lookup of `joiners`, a message for each shard.
    template <class Function>
    void tell_all(std::span<const Place> joiners, bool only_pieces, const Function& function);
    template <class Function>
    void each_lookup(std::span<const uint64_t> numbers, const Function& function);

    void go_on(Walk walk);

    net::Proactor& proactor_;
    CacheGroup& group_;
    const uint32_t index_;
    ResponseCache store_;
    RecordingBudget budget_;
    SlotTable<Lookup> lookups_;
    SlotTable<Invalidation> invalidations_;
    SlotTable<Flight> flights_by_number_;
    KeyTable<Flight> flights_by_key_;
    IntrusiveList<Flight> flights_;  // All of them; they belong to it.
};

}  // namespace sluice::cache
