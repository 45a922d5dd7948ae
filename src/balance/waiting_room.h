// WaitingRoom: the requests that wait for room in a pool, of all shards, and whose turn it is.
//
// Between classes of priority by shares, between the tenants of a class by the tokens of their
// prompts, within a tenant by arrival: decision 33. The room chooses no target. It calls one waiter
// at a time, who looks for a target on its own shard and either leaves with one or passes, so that
// the next is called; a round ends when nobody is left who could have room.
//
// Shared by all shards and kept over reloads, behind one lock that only those take who wait or see
// that somebody does. It never touches a waiter outside of it: what is new for waiters of a shard
// is listed for that shard, and whoever caused it tells the shard.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <unordered_map>

#include "balance/service_rate.h"
#include "base/intrusive_list.h"
#include "base/priority.h"
#include "base/time.h"

namespace sluice::balance {

class WaitingRoom {
public:
    struct Tenant;

    // What is known of a request that waits.
    struct Facts {
        Priority priority = Priority::normal;
        uint64_t tenant = 0;         // 0 is everybody without a key.
        uint32_t prompt_tokens = 0;  // An estimate.
        uint32_t needs = 0;          // Bits of capabilities and lengths.
        uint32_t shard = 0;
    };

    // One who waits; stays where it is for as long as it is in the room, and ends only after it
    // has left. What is private is the room's, under its lock.
    class Waiter : public ListNode {
    public:
        explicit Waiter(const Facts& facts) : facts_(facts) {}
        const Facts& facts() const { return facts_; }
        // There is news for it. On its own shard, without the lock.
        virtual void on_news() = 0;

    protected:
        ~Waiter() = default;

    private:
        friend class WaitingRoom;
        struct News : ListNode {
            explicit News(Waiter& waiter) : of(waiter) {}
            Waiter& of;
        };

        Facts facts_;
        News news_{*this};
        Tenant* tenant_ = nullptr;  // Null outside of the line.
        uint64_t number_ = 0;       // In the order of arrival.
        uint64_t round_ = 0;        // In which it has passed.
        bool is_pushed_out_ = false;
        Duration retry_after_ = {};
    };

    // Shards that have news for their waiters, and were not told yet.
    struct Told {
        std::array<uint32_t, 4> shards = {};
        size_t count = 0;

        std::span<const uint32_t> list() const { return std::span(shards).first(count); }
    };

    enum class Refusal : uint8_t {
        none,
        full,      // As many wait as may, none of them less urgent.
        hopeless,  // By how fast others were served, its time would be over first.
    };
    struct Entry {
        Refusal refusal = Refusal::none;
        Duration retry_after = {};  // 0 is not known.
        Told told = {};
    };

    // How it stands with a waiter.
    struct Standing {
        bool is_called = false;  // It is its turn: look for a target, then leave() or pass().
        bool is_pushed_out = false;
        bool is_watcher = false;    // It calls look() now and then, for everybody.
        Duration retry_after = {};  // Of one that was pushed out; 0 is not known.
    };

    WaitingRoom();
    ~WaitingRoom();
    WaitingRoom(const WaitingRoom&) = delete;
    WaitingRoom& operator=(const WaitingRoom&) = delete;

    // What everybody may ask who does not wait: one load.
    bool has_waiting() const { return waiting_.load(std::memory_order_relaxed) > 0; }
    uint32_t waiting(Priority priority) const {
        return lines_[static_cast<size_t>(priority)].count.load(std::memory_order_relaxed);
    }

    // Joins those that wait, at most `waiting_max`, for `wait_max` at the longest. Where there is
    // no room for it somebody who is less urgent may have to leave, or one of a tenant that has
    // more waiting than its own.
    Entry enter(Waiter& waiter, uint32_t waiting_max, Duration wait_max, Instant now);
    // There may be room: whoever is first is called, unless somebody is.
    Told look();
    // It was called, and found nothing for what it needs.
    Told pass(Waiter& waiter, uint32_t needs);
    // It goes, with a target or without; nothing for one that is not in the room.
    Told leave(Waiter& waiter, bool is_served, Instant now);
    // Nobody can be served, however long it takes: there is no target at all. Says nothing about
    // how fast those are that will come.
    void pause();
    Standing standing(const Waiter& waiter);
    // One of a shard that has news, to be told of it there; null when none is left.
    Waiter* take_news(uint32_t shard);

    // How long one that came now would have to wait; 0 is not known.
    Duration expected_wait(const Facts& facts, Instant now);

private:
    struct ByTurn {
        bool operator()(const Tenant* a, const Tenant* b) const;
    };
    // Those of one class.
    struct Line {
        std::atomic<uint32_t> count = 0;
        uint64_t finish = 0;  // Tag of the class: the least one is served next.
        uint64_t clock = 0;   // Tag of the tenant that was served last.
        std::unordered_map<uint64_t, std::unique_ptr<Tenant>> tenants;
        std::set<Tenant*, ByTurn> turns;  // Of those that have somebody waiting.
        std::set<Tenant*, ByTurn> ahead;  // Of those that have not, but had more than their share.
    };

    // Classes that have somebody.
    struct Order {
        std::array<size_t, kPriorities> lines = {};
        size_t count = 0;
    };
    static Tenant& tenant_of(Line& line, uint64_t id);
    uint64_t first_finish(size_t line) const;
    void link(Waiter& waiter);
    void unlink(Waiter& waiter, bool is_served);
    void drop_needs(uint32_t needs);
    Order order() const;
    bool make_place(const Facts& facts, Instant now, Told& told);
    Waiter* newest_below(Priority priority);
    Waiter* newest_of_longest(const Facts& facts);
    void begin_round(Told& told);
    void call_next(Told& told);
    Waiter* find_next();
    Waiter* find_in(Line& line, size_t& looked);
    bool may_find_room(const Waiter& waiter) const;
    bool has_failed(uint32_t needs) const;
    void watch(Told& told);
    void post(Waiter& waiter, Told& told);
    uint64_t places_before(const Facts& facts) const;
    Duration wait_for(uint64_t places, Instant now) const;

    std::mutex mutex_;
    std::atomic<uint32_t> waiting_ = 0;
    std::array<Line, kPriorities> lines_;
    uint64_t clock_ = 0;  // Tag of the class that was served last.
    uint64_t arrivals_ = 0;
    uint64_t round_ = 0;
    bool again_ = false;  // Somebody looked in the middle of a round.
    Waiter* called_ = nullptr;
    Waiter* watcher_ = nullptr;
    std::map<uint32_t, uint32_t> counts_by_needs_;  // Of those that wait.
    std::array<uint32_t, 8> failed_needs_ = {};     // Of this round.
    size_t failed_count_ = 0;
    ServiceRate rate_;
    std::deque<IntrusiveList<Waiter::News>> news_;  // By shard.
};

}  // namespace sluice::balance
