// Making a shard and comparing shards.
#include "net/shard.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/result.h"
#include "net/proactor.h"

namespace sluice::net {

Result<std::unique_ptr<Shard>> Shard::create(uint32_t index,
                                             const ProactorOptions& options,
                                             uint64_t seed) {
    TRY(auto proactor, Proactor::create(options));
    return std::unique_ptr<Shard>(new Shard(index, std::move(proactor), seed));
}

size_t ShardGroup::least_connected() const {
    size_t best = 0;
    uint32_t fewest = UINT32_MAX;
    for (size_t i = 0; i < loads_.size(); ++i) {
        const uint32_t connections = loads_[i].connections.load(std::memory_order_relaxed);
        if (connections < fewest) {
            fewest = connections;
            best = i;
        }
    }
    return best;
}

}  // namespace sluice::net
