// Shard: what one core owns. Made, run and destroyed on its own thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/memory_pool.h"
#include "base/prng.h"
#include "base/result.h"
#include "net/mailbox.h"
#include "net/proactor.h"

namespace sluice::net {

// What shards see of each other: a cache line each, written by its owner, and by whoever hands it a
// connection.
struct alignas(64) ShardLoad {
    std::atomic<uint32_t> connections = 0;  // From clients.
    std::atomic<uint32_t> exchanges = 0;
    std::atomic<uint32_t> arriving = 0;  // Connections that others have sent and it has not seen.
};

class Shard {
public:
    // Call on the thread that will run it.
    static Result<std::unique_ptr<Shard>> create(uint32_t index,
                                                 const ProactorOptions& options,
                                                 uint64_t seed);

    uint32_t index() const { return index_; }
    Proactor& proactor() { return *proactor_; }
    Mailbox& mailbox() { return mailbox_; }
    Prng& prng() { return prng_; }
    // Whoever runs the shard: how a message from another shard finds it.
    void set_owner(void* owner) { owner_ = owner; }
    void* owner() const { return owner_; }
    // Gives memory that is not in use back to the system; from a timer, for a quiet shard. False
    // when it turned out not to be quiet.
    bool trim() {
        memory_.trim();
        return proactor_->trim_buffers();
    }

private:
    Shard(uint32_t index, std::unique_ptr<Proactor> proactor, uint64_t seed)
        : index_(index), proactor_(std::move(proactor)), mailbox_(proactor_->ring()), prng_(seed) {}

    MemoryPool memory_;  // First in, last out: everything below takes from it.
    const uint32_t index_;
    std::unique_ptr<Proactor> proactor_;
    Mailbox mailbox_;
    Prng prng_;
    void* owner_ = nullptr;
};

// All shards of the process. Filled before any of them runs; afterwards only the loads and the
// mailboxes are used, which are made for it.
class ShardGroup {
public:
    explicit ShardGroup(size_t count) : shards_(count, nullptr), loads_(count) {}

    size_t size() const { return shards_.size(); }
    void set(Shard& shard) { shards_[shard.index()] = &shard; }
    Shard& shard(size_t index) const { return *shards_[index]; }
    ShardLoad& load(size_t index) { return loads_[index]; }
    const ShardLoad& load(size_t index) const { return loads_[index]; }

    // The shard with the fewest client connections.
    size_t least_connected() const;

private:
    std::vector<Shard*> shards_;
    std::vector<ShardLoad> loads_;
};

}  // namespace sluice::net
