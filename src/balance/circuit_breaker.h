// CircuitBreaker: whether a target is asked at all, as one word that only compare-and-swap moves.
//
//     closed ----- faults in a row, or a share of them ----> open
//     open ------- the time is over, and somebody asks ----> half open, who asked is the probe
//     half open -- as many probes succeeded as must -------> closed
//     half open -- the probe failed ----------------------> open, for twice as long
//
// Over all shards there is one probe at a time: whoever moves the word. What began before it opened
// and ends later has no say. Lives in a TargetState; any shard.
#pragma once

#include <atomic>
#include <cstdint>

#include "balance/options.h"
#include "base/time.h"

namespace sluice::balance {

class CircuitBreaker {
public:
    enum class State : uint8_t { closed, open, half_open };
    enum class Pass : uint8_t { no, yes, probe };
    enum class Change : uint8_t { none, opened, closed };

    struct Status {
        State state = State::closed;
        bool is_probing = false;
        uint32_t opened_count = 0;  // In a row, without having closed in between.
        Instant until;              // Of open ones.
    };
    Status status() const;

    // The state is the word's top, and closed is 0.
    bool is_closed() const { return word_.load(std::memory_order_relaxed) >> kStateShift == 0; }
    // What take() would say, without taking; `no` also while another one probes.
    Pass peek(Instant now) const;
    // Whether one may pass. A probe must be given back, by on_probe() or by drop_probe().
    Pass take(Instant now);

    // Whether an attempt that began then says anything of the target as it is now: what began
    // before it last opened and closed does not.
    bool has_a_say(Instant began) const;
    // Of an attempt that passed while it was closed. `salt` spreads times of opening over targets.
    Change on_success(const BreakerOptions& options, Instant now);
    Change on_fault(const BreakerOptions& options, Instant now, uint64_t salt);
    // Of the probe.
    Change on_probe(bool is_good, const BreakerOptions& options, Instant now, uint64_t salt);
    // It ended without having shown anything: the next one may try.
    void drop_probe();

    void reset();

    static constexpr unsigned kStateShift = 62;

private:
    // Whether the share of faults in the window is too large, with this one.
    bool count(bool is_fault, const BreakerOptions& options, Instant now);

    std::atomic<uint64_t> word_ = 0;
    // Counts of the window that began at a time; in a word of their own, as a race between two
    // shards costs them one request and the state nothing.
    std::atomic<uint64_t> window_ = 0;
};

}  // namespace sluice::balance
