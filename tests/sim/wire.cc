// The wire: bytes, ends and resets on their way from one socket to the other, in order.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <poll.h>

#include "base/time.h"
#include "sim/network.h"
#include "sim/operation.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::sim {

uint32_t Socket::poll_bits() const {
    uint32_t bits = 0;
    if (kind == SocketKind::listener) {
        return backlog.empty() ? 0 : POLLIN;
    }
    const bool no_more_reading = fin_received || receive_shut || is_over();
    if (no_more_reading) {
        bits |= POLLRDHUP;
    }
    if (no_more_reading || !receive_queue.empty()) {
        bits |= POLLIN;
    }
    if (is_over() || (no_more_reading && send_shut)) {
        bits |= POLLHUP;
    }
    if (error != 0) {
        bits |= POLLERR;
    }
    if (is_over() || (state == StreamState::connected && (send_room() > 0 || send_shut))) {
        bits |= POLLOUT;
    }
    return bits;
}

std::string Socket::describe() const {
    std::string text = "fd " + std::to_string(fd);
    text += ", to read " + std::to_string(receive_queue.size());
    text += ", to send " + std::to_string(send_queue.size());
    text += ", on the wire " + std::to_string(flight_bytes);
    text += ", operations " + std::to_string(waiting.size());
    const auto add = [&](bool holds, const char* word) { text += holds ? word : ""; };
    add(is_over(), ", dead");
    add(closed, ", closed");
    add(send_shut, ", sends no more");
    add(fin_received, ", peer ended");
    add(receive_shut, ", reads no more");
    add(silent, ", silent");
    return text;
}

Duration Network::drawn_delay() {
    const Profile& profile = world_.profile();
    return profile.delay_min + world_.drawn_up_to(profile.delay_max - profile.delay_min);
}

void Network::changed(Socket& socket) {
    for (Operation* operation : socket.waiting) {
        operation->poke();
    }
    if (socket.on_change && !socket.change_queued) {
        socket.change_queued = true;
        world_.after(Duration(), [&socket] {
            socket.change_queued = false;
            if (socket.on_change) {
                // A copy: the actor may close the socket, which clears the member.
                const auto on_change = socket.on_change;
                on_change();
            }
        });
    }
}

// --- Sending.

size_t Network::write(Socket& socket, std::string_view bytes) {
    if (socket.state != StreamState::connected || socket.send_shut) {
        return 0;
    }
    const size_t taken = std::min(bytes.size(), socket.send_room());
    socket.send_queue.append(bytes.substr(0, taken));
    pump(socket);
    return taken;
}

// Puts on the wire what the receiver has room for.
void Network::pump(Socket& socket) {
    if (socket.state != StreamState::connected) {
        return;
    }
    const Profile& profile = world_.profile();
    while (!socket.send_queue.empty()) {
        const size_t used = socket.other->receive_queue.size() + socket.flight_bytes;
        const size_t capacity = std::max(1U, socket.other->receive_capacity);
        if (used >= capacity) {
            return;
        }
        size_t size = std::min(
            {socket.send_queue.size(), capacity - used, size_t{profile.segment_bytes_max}});
        if (profile.segments_random) {
            size = 1 + world_.prng().below(static_cast<uint32_t>(size));
        }
        Socket::Piece piece{Socket::Piece::Kind::data, socket.send_queue.substr(0, size)};
        socket.send_queue.erase(0, size);
        socket.flight_bytes += size;
        socket.sent_bytes += size;
        put_on_wire(socket, std::move(piece));
        strike_faults(socket);
        if (socket.state != StreamState::connected) {
            return;
        }
    }
    if (socket.send_shut && !socket.fin_sent) {
        socket.fin_sent = true;
        put_on_wire(socket, {Socket::Piece::Kind::fin, {}});
    }
}

void Network::put_on_wire(Socket& socket, Socket::Piece piece) {
    socket.flight.push_back(std::move(piece));
    schedule_arrival(socket);
}

void Network::schedule_arrival(Socket& socket) {
    socket.last_arrival = std::max(socket.last_arrival, world_.now() + drawn_delay());
    world_.at(socket.last_arrival, [this, &socket] { arrive(socket); });
}

void Network::strike_faults(Socket& socket) {
    if (socket.sent_bytes > socket.reset_at_bytes) {
        ++counters_.faults;
        cut(socket);
    } else if (socket.sent_bytes > socket.silent_at_bytes) {
        ++counters_.faults;
        silence(socket);
    }
}

// --- Arriving. One event per piece, but each takes the oldest one: order is the wire's.

void Network::arrive(Socket& sender) {
    if (sender.silent || sender.flight.empty()) {
        return;
    }
    const Socket::Piece piece = std::move(sender.flight.front());
    sender.flight.pop_front();
    Socket& receiver = *sender.other;
    switch (piece.kind) {
        case Socket::Piece::Kind::data:
            sender.flight_bytes -= piece.bytes.size();
            deliver_data(sender, piece.bytes);
            break;
        case Socket::Piece::Kind::fin:
            ++sender.acknowledged_bytes;
            if (!receiver.is_over()) {
                receiver.fin_received = true;
                changed(receiver);
            }
            break;
        case Socket::Piece::Kind::reset:
            deliver_reset(receiver);
            break;
    }
}

void Network::deliver_data(Socket& sender, std::string_view bytes) {
    Socket& receiver = *sender.other;
    if (receiver.is_over()) {
        if (sender.state == StreamState::connected) {  // Nobody is there: a reset comes back.
            put_on_wire(receiver, {Socket::Piece::Kind::reset, {}});
        }
        return;
    }
    if (receiver.closed || receiver.receive_shut) {
        // Linux resets a connection whose bytes nobody can read any more.
        die(receiver, ECONNRESET);
        put_on_wire(receiver, {Socket::Piece::Kind::reset, {}});
        return;
    }
    receiver.receive_queue += bytes;
    sender.acknowledged_bytes += bytes.size();
    counters_.bytes_delivered += bytes.size();
    changed(receiver);
    changed(sender);
    pump(sender);
}

void Network::deliver_reset(Socket& receiver) {
    ++counters_.resets;
    if (!receiver.is_over()) {
        die(receiver, receiver.fin_received ? EPIPE : ECONNRESET);
    }
}

void Network::die(Socket& socket, int error) {
    socket.state = StreamState::dead;
    socket.error = error;
    socket.send_queue.clear();
    changed(socket);
}

// --- Reading.

std::string Network::read(Socket& socket, size_t most) {
    std::string bytes = socket.receive_queue.substr(0, most);
    socket.receive_queue.erase(0, bytes.size());
    if (socket.other != nullptr && !bytes.empty()) {
        pump(*socket.other);
    }
    return bytes;
}

int Network::take_error(Socket& socket) {
    return std::exchange(socket.error, 0);
}

// --- Faults on demand.

void Network::cut(Socket& socket) {
    for (Socket* end : {&socket, socket.other}) {
        if (end != nullptr) {
            end->faulted = true;
            end->flight.clear();
            end->flight_bytes = 0;
            if (!end->is_over()) {
                ++counters_.resets;
                die(*end, end->fin_received ? EPIPE : ECONNRESET);
            }
        }
    }
}

void Network::silence(Socket& socket) {
    for (Socket* end : {&socket, socket.other}) {
        if (end != nullptr) {
            end->faulted = true;
            end->silent = true;
        }
    }
}

void Network::heal(Socket& socket) {
    for (Socket* end : {&socket, socket.other}) {
        if (end != nullptr && end->silent) {
            end->silent = false;
            for (size_t i = 0; i < end->flight.size(); ++i) {
                schedule_arrival(*end);
            }
        }
    }
}

}  // namespace sluice::sim
