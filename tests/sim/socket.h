// Socket: one end of a simulated connection, or a listener, or a plain descriptor for signals.
//
// Behaves like TCP of Linux as far as net/ can see it. Bytes go from the sender's send queue over
// the wire (`flight`, in order) into the receiver's queue. A socket is owned by the Network and
// lives as long as the world, so that late events never meet a dead one; `fd` tells whether the
// program under test still holds it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "net/address.h"

namespace sluice::sim {

struct Operation;

enum class SocketKind : uint8_t { stream, listener, descriptor };
enum class StreamState : uint8_t {
    fresh,
    connecting,
    connected,
    dead,  // Refused, timed out or reset: only errors are left.
};

struct Socket {
    // What the wire carries from this socket to the other end.
    struct Piece {
        enum class Kind : uint8_t { data, fin, reset } kind = Kind::data;
        std::string bytes;
    };

    uint64_t number = 0;  // Order of making.
    SocketKind kind = SocketKind::stream;
    int fd = -1;  // -1: an actor's, or closed.
    net::Address local;
    net::Address peer;

    // --- Stream.
    StreamState state = StreamState::fresh;
    Socket* other = nullptr;
    std::string receive_queue;
    std::string send_queue;    // Taken from the program, not yet on the wire.
    std::deque<Piece> flight;  // Not yet with the other end.
    size_t flight_bytes = 0;
    Instant last_arrival;  // Of what is on the wire; keeps it in order.
    uint32_t receive_capacity = 0;
    uint32_t send_capacity = 0;
    uint64_t acknowledged_bytes = 0;
    int error = 0;  // Told once, then the connection is merely over.
    bool closed = false;
    bool send_shut = false;  // The program sends no more; a FIN follows the send queue.
    bool fin_sent = false;
    bool receive_shut = false;
    bool fin_received = false;
    bool reset_on_close = false;
    bool silent = false;  // What it sends is lost: a cable was cut.
    // A fault of the network was done to this connection; what goes wrong is not the program's.
    bool faulted = false;
    // Drawn faults: strike when so many bytes have been sent.
    uint64_t sent_bytes = 0;
    uint64_t reset_at_bytes = UINT64_MAX;
    uint64_t silent_at_bytes = UINT64_MAX;

    // --- Listener.
    std::deque<Socket*> backlog;
    uint32_t backlog_max = 0;
    bool reuse_port = false;
    std::function<void(Socket&)> on_accept;  // Of an actor.

    // --- Who is told of changes.
    std::vector<Operation*> waiting;  // Operations of rings, in order of starting.
    std::function<void()> on_change;  // Of an actor.
    bool change_queued = false;

    bool is_over() const { return state == StreamState::dead; }
    bool at_end_of_stream() const {
        return receive_queue.empty() && (fin_received || receive_shut || is_over());
    }
    size_t send_room() const {
        const size_t used = send_queue.size() + flight_bytes;
        return used < send_capacity ? send_capacity - used : 0;
    }
    // Poll bits as tcp_poll() of Linux gives them.
    uint32_t poll_bits() const;
    // Queues and state on one line, for whoever looks for the reason of a stall.
    std::string describe() const;
};

}  // namespace sluice::sim
