// Profile: how unfriendly one simulated world is. Every knob is a probability or a bound.
//
// A seed draws its profile swarm style: most knobs are off and a random few are strong. Mixing all
// faults weakly hides whatever only one strong fault brings out (Groce and others, Swarm Testing,
// ISSTA 2012).
#pragma once

#include <cstdint>
#include <string>

#include "base/prng.h"
#include "base/time.h"

namespace sluice::sim {

struct Profile {
    // --- Timing. These never change what a peer may expect to happen.
    Duration delay_min = Duration::microseconds(50);  // One way.
    Duration delay_max = Duration::microseconds(50);
    // From an event to the completion that tells of it: reorders completions between sockets.
    Duration completion_delay_max;
    // Time that a turn takes, as far as the clock shows it.
    Duration turn_time_max;
    uint32_t segment_bytes_max = 65536;  // What the wire carries in one piece, drawn from 1 on.
    bool segments_random = false;        // Otherwise always as large as possible.
    // Queues of a socket whose options name no size.
    uint32_t receive_queue_bytes = 262144;
    uint32_t send_queue_bytes = 262144;
    double empty_turn = 0;  // A wait ends for nothing, as after a signal.

    // --- What the kernel is free to do. A correct program does not notice.
    bool incremental_buffers = true;
    bool minimum_wait = true;
    bool own_descriptors = true;  // Where the options ask for them.
    double receive_short = 0;     // Fewer bytes than there are.
    double multishot_ends = 0;    // Without an error.
    double no_buffers = 0;        // Although there are some.
    double cancel_late = 0;       // The operation may complete first.
    double accept_fails = 0;      // Out of descriptors.
    double wall_clock_jumps = 0;  // At each turn; up to an hour in either direction.

    // --- Faults of the network. The connections they hit are marked (Socket::was_faulted).
    double connect_refused = 0;
    double connect_silent = 0;     // No answer to the opening.
    double connection_resets = 0;  // At some byte of its life.
    double connection_silent = 0;  // From some byte on nothing arrives any more.

    static Profile calm() { return {}; }
    // Any timing and any freedom of the kernel, and `with_network_faults` those of the network.
    static Profile drawn(Prng& prng, bool with_network_faults);

    bool has_network_faults() const {
        return connect_refused + connect_silent + connection_resets + connection_silent > 0;
    }
    // One line: the knobs that are on.
    std::string to_string() const;
};

}  // namespace sluice::sim
