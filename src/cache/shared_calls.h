// How one shard's part of the cache runs a function on another's: the messages behind SharedCache.
// Included by shared_cache.cc and flights.cc only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/memory_pool.h"
#include "cache/lookup.h"
#include "cache/shared_cache.h"
#include "net/mailbox.h"

namespace sluice::cache {

// A message that runs a function on another shard's part. It holds counted objects and numbers,
// never a pointer to what could be gone when it arrives.
template <class Function>
class Call final : public net::Message, public Pooled {
public:
    Call(SharedCache& at, Function function) : at_(at), function_(std::move(function)) {}
    void deliver() override { function_(at_); }

private:
    SharedCache& at_;
    Function function_;
};

template <class Function>
void SharedCache::post(uint32_t shard, Function function) {
    group_.mailbox(shard).post(proactor_.ring(), std::unique_ptr<net::Message>(new Call<Function>(
                                                     group_.part(shard), std::move(function))));
}

template <class Function>
void SharedCache::run_on(uint32_t shard, Function function) {
    if (shard == index_) {
        function(*this);
    } else {
        post(shard, std::move(function));
    }
}

template <class Function>
void SharedCache::tell(Place place, Function function) {
    run_on(place.shard, [number = place.number, function = std::move(function)](SharedCache& at) {
        if (Lookup* const lookup = at.lookups_.find(number); lookup != nullptr) {
            function(*lookup);
        }
    });
}

template <class Function>
void SharedCache::each_lookup(std::span<const uint64_t> numbers, const Function& function) {
    for (const uint64_t number : numbers) {
        if (Lookup* const lookup = lookups_.find(number); lookup != nullptr) {
            function(*lookup);
        }
    }
}

template <class Function>
void SharedCache::tell_all(std::span<const Place> joiners,
                           bool only_pieces,
                           const Function& function) {
    for (size_t at = 0; at < joiners.size();) {
        const uint32_t shard = joiners[at].shard;
        std::vector<uint64_t> numbers;
        for (; at < joiners.size() && joiners[at].shard == shard; ++at) {
            if (joiners[at].wants_pieces || !only_pieces) {
                numbers.push_back(joiners[at].number);
            }
        }
        if (numbers.empty()) {
            continue;
        }
        run_on(shard, [numbers = std::move(numbers), function](SharedCache& part) {
            part.each_lookup(numbers, function);
        });
    }
}

}  // namespace sluice::cache
