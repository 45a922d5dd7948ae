// QueuePlace: the place of one exchange in the queue of a pool, from its coming to its going.
//
// In the frame of the coroutine that waits; what is new about it raises the exchange's signal.
// Whoever has a place leaves it, at the latest with the frame. One shard.
#pragma once

#include <cstdint>
#include <utility>

#include "balance/pool.h"
#include "balance/waiting_room.h"
#include "base/time.h"
#include "coro/signal.h"
#include "pipeline/shard_bell.h"

namespace sluice::pipeline {

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
class QueuePlace final : private balance::WaitingRoom::Waiter {
public:
    using Room = balance::WaitingRoom;

    QueuePlace(ShardBell& bell,
               coro::Signal& signal,
               balance::WaitingRoomPtr room,
               const Room::Facts& facts)
        : Waiter(facts), bell_(bell), signal_(signal), room_(std::move(room)) {}
    ~QueuePlace() { leave(false, {}); }

    Room::Refusal enter(uint32_t waiting_max, Duration wait_max, Instant now) {
        const Room::Entry entry = room_->enter(*this, waiting_max, wait_max, now);
        retry_after_ = entry.retry_after;
        tell(entry.told);
        return entry.refusal;
    }
    Room::Standing standing() { return room_->standing(*this); }
    void look() { tell(room_->look()); }
    void pass(uint32_t needs) { tell(room_->pass(*this, needs)); }
    void leave(bool is_served, Instant now) { tell(room_->leave(*this, is_served, now)); }
    // There is no target at all.
    void pause() { room_->pause(); }

    // After a refusal: when it may be worth coming again; 0 is not known.
    Duration retry_after() const { return retry_after_; }
    Duration expected_wait(Instant now) { return room_->expected_wait(facts(), now); }

private:
    void on_news() override { signal_.raise(); }
    void tell(const Room::Told& told) { tell_shards(bell_, room_, told); }

    ShardBell& bell_;
    coro::Signal& signal_;
    const balance::WaitingRoomPtr room_;
    Duration retry_after_;
};

}  // namespace sluice::pipeline
