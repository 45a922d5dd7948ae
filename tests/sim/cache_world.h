// What the askers of a simulated cache share: the shards, the answers that were ever begun, and the
// judgement on what an asker got. One per seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/options.h"
#include "cache/shared_cache.h"
#include "coro/scope.h"
#include "net/shard.h"
#include "sim/cache_run.h"
#include "sim/run_result.h"
#include "sim/world.h"

namespace sluice::sim {

// How unfriendly the askers of one seed are. Probabilities of each.
struct AskerManners {
    double leads_and_fails = 0;
    double leads_and_leaves = 0;
    double asks_and_leaves = 0;
    double wants_pieces = 0.5;
    double wants_fresh = 0;
    double does_not_coalesce = 0;
    double is_for_joiners_only = 0;
    double invalidates = 0;
    double reads_slowly = 0;
    Duration pause_max = Duration::milliseconds(200);
    uint32_t pieces_max = 20;
    uint32_t piece_bytes_max = 400;

    bool are_perfect() const {
        return leads_and_fails + leads_and_leaves + asks_and_leaves + wants_fresh +
                   does_not_coalesce + is_for_joiners_only + invalidates + reads_slowly ==
               0;
    }
};

// One answer of the upstream.
struct Call {
    uint32_t key = 0;
    Instant began = {};
    Instant ended = {};
    bool was_completed = false;
};

struct PastInvalidation {
    uint32_t tenant = 0;
    Instant began = {};
    Instant ended = {};
};

class CacheWorld {
public:
    static constexpr uint32_t kTenants = 2;

    CacheWorld(uint64_t seed, CacheBug bug);
    ~CacheWorld();
    CacheWorld(const CacheWorld&) = delete;
    CacheWorld& operator=(const CacheWorld&) = delete;

    RunResult run();
    bool is_at_rest() const { return at_rest_; }
    void leave_world() { world_.leave(); }

    // --- For askers.
    World& world() { return world_; }
    CacheBug bug() const { return bug_; }
    const AskerManners& manners() const { return manners_; }
    const cache::CacheOptions& options() const { return options_; }
    net::Shard& shard(uint32_t index) { return *shards_[index]; }
    cache::SharedCache& part(uint32_t index) { return *parts_[index]; }
    uint32_t drawn_shard() { return world_.prng().below(static_cast<uint32_t>(shards_.size())); }
    uint32_t drawn_key() { return world_.prng().below(keys_); }
    // Keys alternate between tenants; those of one number differ in nothing else.
    static uint32_t tenant_of(uint32_t key) { return key % kTenants; }
    cache::KeyRef key(uint32_t number) const;

    size_t begin_call(uint32_t key);
    void end_call(size_t call, bool is_complete);
    std::string body_of(size_t call) const;
    // Complain about what an asker for `key` got. `asked`: when it asked.
    void judge_whole(uint32_t key, std::string_view body, Instant asked, bool is_from_store);
    void judge_beginning(uint32_t key, std::string_view got);
    void invalidated(const PastInvalidation& past) { invalidations_.push_back(past); }
    void complain(const std::string& text);
    void answered(size_t bytes) {
        ++result_.answers;
        result_.bytes += bytes;
    }
    void failed() { ++result_.errors; }
    void asker_done() { --askers_left_; }

private:
    void draw_options();
    void draw_manners();
    void make_shards();
    void check_rest();
    void check_statistics();
    // The call whose answer begins like this; nothing when there is none.
    const Call* call_of(uint32_t key, std::string_view body, std::string& expected);

    World world_;
    const CacheBug bug_;
    RunResult result_;
    AskerManners manners_;
    cache::CacheOptions options_;
    cache::KeyMaker maker_{"the secret of a seed"};
    uint32_t keys_ = 1;
    uint32_t askers_left_ = 0;
    bool at_rest_ = false;
    std::vector<Call> calls_;
    std::vector<uint32_t> leaders_;  // Under way, by key.
    std::vector<PastInvalidation> invalidations_;
    std::unique_ptr<net::ShardGroup> shard_group_;
    std::unique_ptr<cache::CacheGroup> group_;
    std::vector<std::unique_ptr<net::Shard>> shards_;
    std::vector<std::unique_ptr<cache::SharedCache>> parts_;
    std::vector<std::unique_ptr<coro::TaskScope>> scopes_;
};

// Asks once, after `delay`, on a shard, and does what its manners say with the answer.
coro::Task<void> run_asker(CacheWorld& world, uint32_t shard, Duration delay);
// Invalidates a tenant once.
coro::Task<void> run_invalidation(CacheWorld& world, uint32_t shard, Duration delay);

}  // namespace sluice::sim
