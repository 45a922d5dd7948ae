// World: one seeded simulation. Owns the virtual clock, the events, the network and the shards.
//
// Everything random is drawn from the seed and everything runs on one thread, so a seed is a test
// and a failing seed replays exactly. At most one world exists at a time; Ring::create() finds it
// through World::current(). While run_until() drives, a ring never waits: the world turns the
// shards whose wait is over, in random order, and moves the clock when there is none. Outside of
// run_until() a ring that waits moves the clock itself, which is what small tests want.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "net/proactor.h"
#include "sim/event_queue.h"
#include "sim/network.h"
#include "sim/op_ledger.h"
#include "sim/profile.h"

namespace sluice::sim {

// What a world needs to know of a simulated ring.
class RingDriver {
public:
    // Whether a turn is to be made: the ring does not wait, or no longer, or should submit first.
    virtual bool wait_is_over() const = 0;
    // Until when it waits at most.
    virtual Instant wait_ends() const = 0;
    // Ends the wait: the program was changed from outside of a turn.
    virtual void interrupt() = 0;
    uint64_t ring_number() const { return ring_number_; }

protected:
    explicit RingDriver(uint64_t ring_number) : ring_number_(ring_number) {}
    ~RingDriver() = default;

private:
    const uint64_t ring_number_;
};

class World {
public:
    explicit World(uint64_t seed, const Profile& profile = Profile::calm());
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    static World& current();
    // For a world that cannot be destroyed: another may begin, and this one is never used again.
    void leave();

    uint64_t seed() const { return seed_; }
    Prng& prng() { return prng_; }
    // May be changed at any time; what is on its way keeps its delays.
    Profile& profile() { return profile_; }
    Network& network() { return network_; }
    OpLedger& ledger() { return ledger_; }

    // --- Time.
    Instant now() const { return now_; }
    int64_t wall_clock_ns() const;
    void at(Instant due, EventQueue::Action action);
    void after(Duration delay, EventQueue::Action action) { at(now_ + delay, std::move(action)); }
    Duration drawn_up_to(Duration most);
    // Runs the next event if it is due by `latest`; moves the clock there otherwise.
    bool step(Instant latest);
    // Runs what is due now.
    void run_due();
    void pass(Duration time) { now_ = now_ + time; }
    void jump_wall_clock(Duration by) { wall_offset_ns_ += by.ns(); }

    // --- Shards.
    // `before_turn` is asked, before each turn, for how long it may wait.
    void add_shard(net::Proactor& proactor, std::function<Duration()> before_turn = nullptr);
    void remove_shard(net::Proactor& proactor);
    // Ends the wait of a shard whose program was changed from outside of its turns.
    void wake_shard(net::Proactor& proactor);
    bool is_driving() const { return driving_; }
    // Runs shards and events until `done`; false when virtual time ends first. `done` is asked
    // after every turn.
    bool run_until(const std::function<bool()>& done, Duration limit);
    void run_for(Duration time);

    // --- Rules. A broken one is written down once, with the time.
    void violation(const std::string& text);
    const std::vector<std::string>& violations() const { return violations_; }
    // At the end, when everything should be gone: descriptors closed, no operation pending.
    void check_end();

    // --- For the ring.
    uint64_t next_ring_number() { return ++ring_numbers_; }
    void ring_made(net::Ring& ring, RingDriver& driver);
    void ring_gone(RingDriver& driver);
    // As at(), for what must not happen when the ring is gone by then.
    void after_for(const RingDriver& driver, Duration delay, EventQueue::Action action);

private:
    struct Shard {
        net::Proactor* proactor;
        RingDriver* driver;
        std::function<Duration()> before_turn;
    };
    struct RingEntry {
        net::Ring* ring;
        RingDriver* driver;
    };
    static constexpr size_t kViolationsMax = 20;

    bool turn_ready_shard();
    bool ring_exists(uint64_t ring_number) const;

    const uint64_t seed_;
    Prng prng_;
    Profile profile_;
    Instant now_ = Instant::from_ns(1'000'000'000'000);
    int64_t wall_offset_ns_ = 0;
    EventQueue events_;
    OpLedger ledger_;
    Network network_;
    std::vector<RingEntry> rings_;
    std::vector<Shard> shards_;
    std::vector<std::string> violations_;
    uint64_t ring_numbers_ = 0;
    bool driving_ = false;
};

}  // namespace sluice::sim
