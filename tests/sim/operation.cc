// What each operation does with its socket; the results are those of Linux.
#include "sim/operation.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <poll.h>

#include "base/assert.h"
#include "net/op.h"
#include "sim/buffer_group.h"
#include "sim/ring_core.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::sim {

void Operation::poke() {
    if (over || poke_queued) {
        return;
    }
    poke_queued = true;
    World& world = ring->world();
    const Duration delay = world.drawn_up_to(world.profile().completion_delay_max);
    world.after_for(*ring, delay, [core = ring, id = number] {
        if (Operation* operation = core->find(id); operation != nullptr) {
            operation->poke_queued = false;
            operation->attempt();
        }
    });
}

void Operation::attempt() {
    if (over) {
        return;
    }
    switch (kind) {
        case Kind::accept:
            return attempt_accept();
        case Kind::peer_address:
            return attempt_peer_address();
        case Kind::receive:
            return attempt_receive();
        case Kind::send:
            return attempt_send();
        case Kind::connect:
            return attempt_connect();
        case Kind::poll:
        case Kind::watch_hangup:
            return attempt_poll();
        case Kind::read:
            return attempt_read();
        case Kind::cancel:
        case Kind::close:
        case Kind::shutdown_send:
        case Kind::send_descriptor:
        case Kind::wake:
            SLUICE_UNREACHABLE();
    }
}

void Operation::attempt_accept() {
    World& world = ring->world();
    const Profile& profile = world.profile();
    while (!socket->backlog.empty()) {
        // A descriptor is reserved first; without one the connection stays in the queue.
        if (world.prng().chance(profile.accept_fails)) {
            return ring->finish(*this, -EMFILE, 0);
        }
        const int accepted = ring->adopt(*socket->backlog.front());
        if (accepted < 0) {
            return ring->finish(*this, accepted, 0);
        }
        world.network().take_accepted(*socket);
        if (once || ring->is_full() || world.prng().chance(profile.multishot_ends)) {
            return ring->finish(*this, accepted, 0);
        }
        ring->post(*this, accepted, net::kCompletionMore);
    }
}

void Operation::attempt_peer_address() {
    *peer_address_to = socket->peer;
    ring->finish(*this, static_cast<int32_t>(socket->peer.length()), 0);
}

void Operation::attempt_receive() {
    while (!over && receive_once()) {
    }
}

// Returns whether to go on at once.
bool Operation::receive_once() {
    World& world = ring->world();
    const Profile& profile = world.profile();
    if (socket->receive_queue.empty()) {
        // After an orderly end a reset shows as end of stream, as with tcp_recvmsg() of Linux.
        if (socket->error != 0 && !socket->fin_received) {
            ring->finish(*this, -world.network().take_error(*socket), 0);
        } else if (socket->at_end_of_stream()) {
            ring->finish(*this, 0, 0);
        } else if (socket->state != StreamState::connected) {
            ring->finish(*this, -ENOTCONN, 0);
        }
        return false;
    }
    BufferGroup* buffers = ring->group(buffer_group);
    if (buffers == nullptr || buffers->empty() || world.prng().chance(profile.no_buffers)) {
        ring->finish(*this, -ENOBUFS, 0);
        return false;
    }
    size_t size = std::min<size_t>(socket->receive_queue.size(), buffers->room_bytes());
    if (world.prng().chance(profile.receive_short)) {
        size = 1 + world.prng().below(static_cast<uint32_t>(size));
    }
    const bool ends = ring->is_full() || world.prng().chance(profile.multishot_ends);
    const std::string bytes = world.network().read(*socket, size);
    const uint32_t flags = buffers->receive(bytes);
    if (ends) {
        ring->finish(*this, static_cast<int32_t>(size), flags);
        return false;
    }
    ring->post(*this, static_cast<int32_t>(size), flags | net::kCompletionMore);
    if (profile.completion_delay_max > Duration() && world.prng().chance(0.5)) {
        poke();  // The rest with a later turn.
        return false;
    }
    return true;
}

// The front of what is left.
std::string_view Operation::unsent_part() const {
    size_t skip = done_bytes;
    for (const iovec& part : parts) {
        if (skip < part.iov_len) {
            return {static_cast<const char*>(part.iov_base) + skip, part.iov_len - skip};
        }
        skip -= part.iov_len;
    }
    return {};
}

void Operation::attempt_send() {
    World& world = ring->world();
    while (done_bytes < total_bytes) {
        if (socket->is_over() || socket->send_shut || socket->state != StreamState::connected) {
            if (done_bytes > 0) {
                return ring->finish(*this, static_cast<int32_t>(done_bytes), 0);
            }
            const int error = world.network().take_error(*socket);
            return ring->finish(*this, error != 0 ? -error : -EPIPE, 0);
        }
        const std::string_view part = unsent_part();
        const size_t taken = world.network().write(*socket, part);
        if (taken == 0 && !socket->is_over()) {
            return;  // Full; a later change wakes us.
        }
        if (part.substr(0, taken) != std::string_view(snapshot).substr(done_bytes, taken)) {
            world.violation("bytes changed while they were being sent");
        }
        done_bytes += taken;
    }
    ring->finish(*this, static_cast<int32_t>(total_bytes), 0);
}

void Operation::attempt_connect() {
    if (socket->state == StreamState::fresh) {
        ring->world().network().connect(*socket, address);
    } else if (socket->state == StreamState::connected) {
        ring->finish(*this, 0, 0);
    } else if (socket->state == StreamState::dead) {
        const int error = ring->world().network().take_error(*socket);
        ring->finish(*this, error != 0 ? -error : -ECONNABORTED, 0);
    }
}

void Operation::attempt_poll() {
    constexpr uint32_t kAlways = POLLERR | POLLHUP | POLLRDHUP;  // The ring adds the last one.
    const uint32_t bits = socket->poll_bits() & (poll_events | kAlways);
    if (kind == Kind::poll) {
        if (bits != 0) {
            ring->finish(*this, static_cast<int32_t>(bits), 0);
        }
        return;
    }
    if (bits != 0 && bits != poll_seen) {
        poll_seen = bits;
        if (ring->is_full() ||
            ring->world().prng().chance(ring->world().profile().multishot_ends)) {
            return ring->finish(*this, static_cast<int32_t>(bits), 0);
        }
        ring->post(*this, static_cast<int32_t>(bits), net::kCompletionMore);
    }
}

void Operation::attempt_read() {
    if (socket->receive_queue.empty()) {
        if (socket->error != 0) {
            ring->finish(*this, -ring->world().network().take_error(*socket), 0);
        } else if (socket->at_end_of_stream()) {
            ring->finish(*this, 0, 0);
        }
        return;
    }
    const std::string bytes = ring->world().network().read(*socket, parts.front().iov_len);
    std::memcpy(parts.front().iov_base, bytes.data(), bytes.size());
    ring->finish(*this, static_cast<int32_t>(bytes.size()), 0);
}

}  // namespace sluice::sim
