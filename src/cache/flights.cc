// Flights: calls under way, on the shard that owns their key. What begins with on_ has come from
// the shard of a lookup, by one of the send_ functions. A flight is taken out of its tables before
// its joiners are told, because those on this shard ask again at once.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/live_reply.h"
#include "cache/lookup.h"
#include "cache/reply.h"
#include "cache/response_cache.h"
#include "cache/shared_cache.h"
#include "cache/shared_calls.h"  // IWYU pragma: keep; the templates that messages are made of.

namespace sluice::cache {

// --- Asking. -----------------------------------------------------------------------------------

void SharedCache::send_ask(uint32_t owner,
                           Place asker,
                           const KeyRef& key,
                           const AskOptions& options) {
    if (owner == index_) {
        on_ask(asker, key, options);
        return;
    }
    post(owner, [asker, key, options](SharedCache& at) { at.on_ask(asker, key, options); });
}

void SharedCache::on_ask(Place asker, const KeyRef& key, const AskOptions& options) {
    if (options.reads_store) {
        ResponseCache::Found found = store_.find(*key, now());
        if (found.reply) {
            tell(asker, [reply = std::move(found.reply), age = found.age](Lookup& lookup) {
                lookup.on_hit(reply, age);
            });
            return;
        }
    }
    Flight* const flight = options.coalesces ? flights_by_key_.find(*key) : nullptr;
    if (options.coalesces && flight == nullptr) {
        take_off(asker, key);
    } else if (flight != nullptr && flight->is_open &&
               flight->joiners.size() < this->options().joiners_max) {
        join(*flight, asker);
    } else {
        tell(asker, [](Lookup& lookup) { lookup.on_missed(); });
    }
}

void SharedCache::take_off(Place asker, const KeyRef& key) {
    auto* const flight = new Flight();
    flight->key = key;
    flight->leader = asker;
    flight->number = flights_by_number_.add(*flight);
    flights_by_key_.insert(*flight);
    flights_.push_back(*flight);
    run_on(asker.shard, [lookup_number = asker.number, number = flight->number,
                         owner = index_](SharedCache& at) {
        if (Lookup* const lookup = at.lookups_.find(lookup_number); lookup != nullptr) {
            lookup->on_lead(number);
        } else {
            at.send_failed(owner, number,
                           {.kind = ErrorKind::cancelled, .where = "the asker has left"});
        }
    });
}

void SharedCache::join(Flight& flight, Place asker) {
    const auto position =
        std::upper_bound(flight.joiners.begin(), flight.joiners.end(), asker.shard,
                         [](uint32_t shard, const Place& other) { return shard < other.shard; });
    flight.joiners.insert(position, asker);
    flight.piece_joiners += asker.wants_pieces ? 1 : 0;
    tell_leader(flight);
    run_on(asker.shard, [asker, number = flight.number, progress = flight.progress,
                         owner = index_](SharedCache& at) {
        if (Lookup* const lookup = at.lookups_.find(asker.number); lookup != nullptr) {
            lookup->on_joined(number, progress);
        } else {
            at.send_leave(owner, number, asker);
        }
    });
}

void SharedCache::tell_leader(const Flight& flight) {
    const auto joiners = static_cast<uint32_t>(flight.joiners.size());
    tell(flight.leader,
         [joiners, piece_joiners = flight.piece_joiners, is_open = flight.is_open](Lookup& lookup) {
             lookup.on_joiners(joiners, piece_joiners, is_open);
         });
}

void SharedCache::send_leave(uint32_t owner, uint64_t flight, Place joiner) {
    run_on(owner, [flight, joiner](SharedCache& at) { at.on_leave(flight, joiner); });
}

void SharedCache::on_leave(uint64_t number, Place joiner) {
    Flight* const flight = flights_by_number_.find(number);
    if (flight == nullptr) {
        return;
    }
    const auto found = std::ranges::find_if(flight->joiners, [&](const Place& place) {
        return place.shard == joiner.shard && place.number == joiner.number;
    });
    if (found != flight->joiners.end()) {
        flight->joiners.erase(found);
        flight->piece_joiners -= joiner.wants_pieces ? 1 : 0;
        tell_leader(*flight);
    }
}

// --- A flight's news. --------------------------------------------------------------------------

void SharedCache::send_progress(uint32_t owner,
                                uint64_t flight,
                                LiveProgress progress,
                                bool is_whole) {
    run_on(owner, [flight, progress = std::move(progress), is_whole](SharedCache& at) {
        at.on_progress(flight, progress, is_whole);
    });
}

void SharedCache::on_progress(uint64_t number, const LiveProgress& progress, bool is_whole) {
    Flight* const flight = flights_by_number_.find(number);
    if (flight == nullptr) {
        return;
    }
    if (flight->is_open && !is_whole) {
        close(*flight);
    }
    flight->progress = progress;
    const std::vector<Place> joiners = flight->joiners;
    tell_all(joiners, true, [progress](Lookup& lookup) { lookup.on_progress(progress); });
}

// The beginning is gone: who has none of it cannot be served by this flight.
void SharedCache::close(Flight& flight) {
    flight.is_open = false;
    const bool has_first = static_cast<bool>(flight.progress.first);
    std::vector<Place> unserved;
    std::erase_if(flight.joiners, [&](const Place& place) {
        const bool is_served = has_first && place.wants_pieces;
        if (!is_served) {
            unserved.push_back(place);
        }
        return !is_served;
    });
    flight.piece_joiners = static_cast<uint32_t>(flight.joiners.size());
    tell_leader(flight);
    tell_all(unserved, false, [](Lookup& lookup) { lookup.on_missed(); });
}

std::unique_ptr<SharedCache::Flight> SharedCache::land(uint64_t number) {
    Flight* const flight = flights_by_number_.find(number);
    if (flight == nullptr) {
        return nullptr;
    }
    unlist(*flight);
    flights_by_number_.remove(number);
    flight->unlink();
    return std::unique_ptr<Flight>(flight);
}

void SharedCache::unlist(Flight& flight) {
    if (std::exchange(flight.is_listed, false)) {
        flights_by_key_.remove(flight);
    }
}

void SharedCache::send_complete(
    uint32_t owner, uint64_t flight, LiveProgress progress, ReplyRef reply, Duration ttl) {
    run_on(owner, [flight, progress = std::move(progress), reply = std::move(reply),
                   ttl](SharedCache& at) { at.on_complete(flight, progress, reply, ttl); });
}

void SharedCache::on_complete(uint64_t number,
                              const LiveProgress& progress,
                              const ReplyRef& reply,
                              Duration ttl) {
    const Flight* const flying = flights_by_number_.find(number);
    const bool may_be_kept = flying != nullptr && flying->is_listed;
    const std::unique_ptr<Flight> flight = land(number);
    if (flight == nullptr) {
        return;
    }
    if (reply && may_be_kept && ttl > Duration()) {
        store_.store(flight->key, reply, now(), ttl);
    }
    tell_all(flight->joiners, false,
             [progress, reply](Lookup& lookup) { lookup.on_complete(progress, reply); });
}

void SharedCache::send_failed(uint32_t owner, uint64_t flight, const Error& error) {
    run_on(owner, [flight, error](SharedCache& at) { at.on_failed(flight, error); });
}

void SharedCache::on_failed(uint64_t number, const Error& error) {
    const std::unique_ptr<Flight> flight = land(number);
    if (flight != nullptr) {
        tell_all(flight->joiners, false, [error](Lookup& lookup) { lookup.on_failed(error); });
    }
}

}  // namespace sluice::cache
