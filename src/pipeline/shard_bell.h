// ShardBell: how a shard tells another one that there is news for requests of that one.
//
// The gateway implements it, because it knows the mailboxes of the process.
#pragma once

#include <cstdint>

#include "balance/pool.h"
#include "balance/waiting_room.h"

namespace sluice::pipeline {

class ShardBell {
public:
    // The number of the shard that this one is.
    virtual uint32_t own_shard() const = 0;
    // There is news in `room` for those of `shard`, another one, that wait in it.
    virtual void ring(uint32_t shard, balance::WaitingRoomPtr room) = 0;

protected:
    ~ShardBell() = default;
};

// On its own shard: everybody of it who has news hears of it.
inline void hand_out_news(balance::WaitingRoom& room, uint32_t shard) {
    while (balance::WaitingRoom::Waiter* const waiter = room.take_news(shard)) {
        waiter->on_news();
    }
}

// Whoever has changed something in a room tells all shards that it concerns.
inline void tell_shards(ShardBell& bell,
                        const balance::WaitingRoomPtr& room,
                        const balance::WaitingRoom::Told& told) {
    for (const uint32_t shard : told.list()) {
        if (shard == bell.own_shard()) {
            hand_out_news(*room, shard);
        } else {
            bell.ring(shard, room);
        }
    }
}

}  // namespace sluice::pipeline
