// Pool: the targets behind one name, and the choice of one for a request.
//
// Made on the main thread with a configuration, shared by all shards and immutable but for the
// states of its targets, which are atomics and outlive reloads for as long as the target is the
// same. Pure: time and randomness are passed in, so that the same object runs in a simulation.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "balance/charge.h"
#include "balance/options.h"
#include "balance/target.h"
#include "base/prng.h"
#include "base/time.h"

namespace sluice::balance {

class Balancer;
class PrefixIndex;
struct Candidate;
struct PoolState;
class WaitingRoom;

// Counted by the pool's state, and by messages about it that are under way.
using WaitingRoomPtr = std::shared_ptr<WaitingRoom>;

// What is known of a request when a target is chosen for it.
struct Ask {
    uint32_t prompt_tokens = 0;  // An estimate.
    uint32_t output_tokens = 0;  // Likewise: what it may become.
    uint32_t needs = 0;          // Bits of capabilities that a target must have.
    // It goes to a second target while the first one is asked, at the expense of others.
    bool is_hedge = false;
    // It will be told of its first token; what is not streamed never is.
    bool has_first_token = true;
    std::span<const uint64_t> blocks = {};  // Chain hashes of the prompt; see prefix_hash.h.
    uint64_t affinity = 0;                  // Hash of what ties requests together; 0 is none.
    std::span<const uint16_t> tried = {};   // Targets that have failed it already.
    const Balancer* overrides = nullptr;    // Instead of the pool's own.
};

// Why there is no target for a request.
enum class Without : uint8_t {
    none,       // There is one.
    incapable,  // All lack something that the request needs; which, says `lacking`.
    too_long,   // The request is longer than the context of every capable one.
    tried,      // All that could have failed it already.
    resting,    // All that could are drained, ejected, throttled or behind an open breaker.
    empty,      // The pool has no target; whoever comes next may be able to.
    no_room,    // All that could have as much in flight as they may.
};

struct Selection {
    // The request is charged to the target from now on; empty without one.
    Charge charge = {};
    uint16_t target = 0;
    uint32_t cached_tokens = 0;  // That the target is thought to have.
    Without without = Without::none;
    uint32_t lacking = 0;       // Bits of capabilities.
    Duration retry_after = {};  // For resting and no_room: when one may be back; 0 is not known.

    explicit operator bool() const { return without == Without::none; }
};

class Pool {
public:
    static constexpr size_t kTargetsMax = 4096;

    // Takes over the states of targets that `running` has, too; null when there is none.
    // `capabilities`: what each of the targets can do, in the order of the options.
    Pool(PoolOptions options,
         std::span<const uint32_t> capabilities,
         const Pool* running,
         Instant now,
         uint64_t seed);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    const PoolOptions& options() const { return options_; }
    std::span<const Target> targets() const { return targets_; }
    // Whether selections look at Ask::blocks; `overrides` is what the request will ask for.
    bool wants_blocks(const Balancer* overrides = nullptr) const;

    // Chooses and charges in one step. Any shard.
    Selection select(const Ask& ask, Instant now, Prng& prng) const;

    // Why a request that takes no target now would not get one: with no_room it might.
    Selection refusal(const Ask& ask, Instant now) const;
    // Where requests wait for a target; outlives the pool for whoever tells other shards of it.
    WaitingRoomPtr room() const;

    // Bits above those of capabilities for what only some targets are long enough for, so that a
    // longer request needs all that a shorter one does, and more. Of this configuration: who waits
    // while another one comes may be passed over until it is called.
    uint32_t needs_of_length(uint64_t tokens) const;

    // What targets share; any shard may feed and read it.
    PoolState& state() const { return *state_; }
    // For round_robin: targets in turn, each as often as its weight says.
    std::span<const uint16_t> sequence() const {
        return *sequence_.load(std::memory_order_acquire);
    }

    // By names of targets, for consistent_hash.
    std::span<const uint64_t> name_hashes() const { return name_hashes_; }
    bool has_equal_weights() const { return has_equal_weights_; }

    // How long to wait for the first token before another target is asked as well; 0 when nobody
    // can say yet, when the pool does not hedge, or when no first token will be told of and the
    // delay goes by those.
    Duration hedge_delay(const Charge& charge) const;
    // Whether a prompt may be sent a second time. What it costs is taken from what other prompts
    // have earned; not while the targets are nearly full.
    bool take_hedge(uint32_t prompt_tokens) const;
    // It was not sent after all.
    void give_back_hedge(uint32_t prompt_tokens) const;

    // Looks at what the targets did since the last time, and leaves out those that are worse than
    // the others. One thread, every outliers.interval_ms.
    void judge(Instant now);

    // For as long as the process runs, or until a reload gives the target another weight; 0 goes
    // back to that of the options. Returns the number of the change. The thread that judges.
    uint64_t set_weight(size_t target, uint32_t weight);
    // Frees what the change of that number has replaced: no shard is in the middle of a choice
    // that began before it. The thread that judges.
    void forget_weights_before(uint64_t number);

private:
    friend class Charge;

    // Targets of one priority, the most urgent first.
    struct Tier {
        uint32_t priority = 0;
        std::vector<uint16_t> targets;
    };
    using Sequence = std::vector<uint16_t>;
    void add_targets(std::span<const uint32_t> capabilities,
                     const Pool* running,
                     Instant now,
                     uint64_t seed);
    bool has_targets_of(const Pool& other) const;
    void make_tiers();
    void list_lengths();
    void weigh_targets();
    Sequence make_sequence() const;
    void make_prefixes(const Pool* running);

    // --- One choice; see selection.cc.
    struct Look;
    void gather(Look& look) const;
    void gather_all(Look& look) const;
    void gather_some(Look& look) const;
    void tell_cached(Look& look) const;
    uint16_t target_of(uint16_t prefix_id) const;
    void hold_back_beginners(Look& look) const;
    size_t choose(Look& look) const;
    enum class Taken : uint8_t {
        yes,
        no_place,  // Another shard has taken the last place, or the probe.
        outrun,  // Another shard has been there meanwhile, so the choice may not be right any more.
    };
    static int32_t take_place(const Candidate& candidate, uint32_t kv_tokens, bool is_exact);
    Taken charge(Look& look, const Candidate& candidate, bool is_exact, Selection& selection) const;
    bool charge_one(Look& look, Selection& selection) const;
    Selection without(const Ask& ask, bool is_panic, Instant now) const;
    bool is_panic(const Ask& ask, Instant now) const;
    bool is_nearly_full() const;

    PoolOptions options_;
    std::vector<Target> targets_;
    std::vector<Tier> tiers_;
    // The last one is in force; shards may still read those before it.
    std::deque<std::unique_ptr<const Sequence>> sequences_;
    uint64_t first_sequence_ = 0;  // Its number.
    std::atomic<const Sequence*> sequence_ = nullptr;
    std::vector<uint32_t> lengths_;  // Limits of contexts, each once, the shortest first.
    std::vector<uint64_t> name_hashes_;
    Live<bool> has_equal_weights_ = true;
    const Balancer* balancer_ = nullptr;
    std::shared_ptr<PoolState> state_;

    std::shared_ptr<PrefixIndex> prefixes_;  // Null when no strategy wants it.
    std::vector<uint16_t> prefix_ids_;       // Of each target in the index.
    std::vector<uint16_t> targets_by_id_;    // The other way round; kNoTarget for the others.
    static constexpr uint16_t kNoTarget = UINT16_MAX;
};

}  // namespace sluice::balance
