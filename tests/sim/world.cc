// The clock and the turns of a world.
#include "sim/world.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "base/time.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "sim/event_queue.h"
#include "sim/profile.h"

namespace sluice::sim {

namespace {

World* the_world = nullptr;

// Some day in 2026; only logs and certificates look at it.
constexpr int64_t kWallClockStartNs = 1'790'000'000'000'000'000;
// Longest wait of a turn that the world drives.
constexpr Duration kTurnWaitMax = Duration::seconds(1);

}  // namespace

World::World(uint64_t seed, const Profile& profile)
    : seed_(seed), prng_(seed), profile_(profile), ledger_(*this), network_(*this) {
    SLUICE_ASSERT(the_world == nullptr);
    the_world = this;
}

World::~World() {
    leave();
}

void World::leave() {
    if (the_world == this) {
        the_world = nullptr;
    }
}

World& World::current() {
    SLUICE_ASSERT(the_world != nullptr);  // A simulated ring needs a sim::World around it.
    return *the_world;
}

int64_t World::wall_clock_ns() const {
    return kWallClockStartNs + now_.ns() + wall_offset_ns_;
}

void World::at(Instant due, EventQueue::Action action) {
    events_.add(std::max(due, now_), static_cast<uint32_t>(prng_.next()), std::move(action));
}

Duration World::drawn_up_to(Duration most) {
    if (most <= Duration()) {
        return {};
    }
    return Duration::nanoseconds(
        static_cast<int64_t>(prng_.unit() * static_cast<double>(most.ns() + 1)));
}

bool World::step(Instant latest) {
    if (events_.next_due() > latest) {
        now_ = std::max(now_, latest);
        return false;
    }
    now_ = std::max(now_, events_.next_due());
    const EventQueue::Action action = events_.pop();
    action();
    return true;
}

void World::run_due() {
    while (events_.next_due() <= now_) {
        step(now_);
    }
}

void World::ring_made(net::Ring& ring, RingDriver& driver) {
    rings_.push_back({&ring, &driver});
}

void World::ring_gone(RingDriver& driver) {
    std::erase_if(rings_, [&](const RingEntry& entry) { return entry.driver == &driver; });
    std::erase_if(shards_, [&](const Shard& shard) { return shard.driver == &driver; });
}

bool World::ring_exists(uint64_t ring_number) const {
    return std::ranges::any_of(
        rings_, [&](const RingEntry& entry) { return entry.driver->ring_number() == ring_number; });
}

void World::after_for(const RingDriver& driver, Duration delay, EventQueue::Action action) {
    after(delay, [this, number = driver.ring_number(), action = std::move(action)] {
        if (ring_exists(number)) {
            action();
        }
    });
}

void World::add_shard(net::Proactor& proactor, std::function<Duration()> before_turn) {
    for (const RingEntry& entry : rings_) {
        if (entry.ring == &proactor.ring()) {
            shards_.push_back({&proactor, entry.driver, std::move(before_turn)});
            return;
        }
    }
    SLUICE_UNREACHABLE();
}

void World::remove_shard(net::Proactor& proactor) {
    std::erase_if(shards_, [&](const Shard& shard) { return shard.proactor == &proactor; });
}

void World::wake_shard(net::Proactor& proactor) {
    for (const Shard& shard : shards_) {
        if (shard.proactor == &proactor) {
            shard.driver->interrupt();
        }
    }
}

bool World::turn_ready_shard() {
    std::vector<const Shard*> ready;
    for (const Shard& shard : shards_) {
        if (shard.driver->wait_is_over()) {
            ready.push_back(&shard);
        }
    }
    if (ready.empty()) {
        return false;
    }
    const Shard& chosen = *ready[prng_.below(static_cast<uint32_t>(ready.size()))];
    chosen.proactor->turn(chosen.before_turn ? chosen.before_turn() : kTurnWaitMax);
    run_due();
    return true;
}

bool World::run_until(const std::function<bool()>& done, Duration limit) {
    SLUICE_ASSERT(!driving_);
    driving_ = true;
    for (const Shard& shard : shards_) {
        shard.driver->interrupt();  // The test may have called into the program meanwhile.
    }
    const Instant end = now_ + limit;
    bool reached = done();
    while (!reached && now_ < end) {
        run_due();
        if (!turn_ready_shard()) {
            Instant latest = end;
            for (const Shard& shard : shards_) {
                latest = std::min(latest, shard.driver->wait_ends());
            }
            step(latest);
        }
        reached = done();
    }
    driving_ = false;
    return reached;
}

void World::run_for(Duration time) {
    const Instant end = now_ + time;
    run_until([&] { return now_ >= end; }, time);
}

void World::violation(const std::string& text) {
    if (violations_.size() < kViolationsMax) {
        std::string line;
        append_seconds(line, now_.ns());
        line += " s: ";
        line += text;
        violations_.push_back(std::move(line));
    }
}

void World::check_end() {
    network_.check_end();
    ledger_.check_end();
}

}  // namespace sluice::sim
