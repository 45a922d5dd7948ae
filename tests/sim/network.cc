// Opening, connecting, closing, and the table of descriptors. The wire itself is wire.cc.
#include "sim/network.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/options.h"
#include "net/os_error.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::sim {

namespace {

// An opening that meets a full queue is tried again, as TCP does, and given up after so often.
constexpr Duration kOpeningRetry = Duration::seconds(1);
constexpr unsigned kOpeningAttemptsMax = 6;
// Linux gives up after about two minutes without an answer.
constexpr Duration kOpeningTimeout = Duration::seconds(130);

}  // namespace

Socket& Network::make(SocketKind kind) {
    sockets_.push_back(std::make_unique<Socket>());
    Socket& socket = *sockets_.back();
    socket.number = sockets_.size();
    socket.kind = kind;
    return socket;
}

Socket& Network::make_stream(uint32_t receive_bytes, uint32_t send_bytes) {
    Socket& socket = make(SocketKind::stream);
    // A profile that draws tiny queues means it, whatever the options say.
    const Profile& profile = world_.profile();
    const auto bounded = [](uint32_t asked, uint32_t drawn) {
        return asked == 0 ? drawn : std::min(asked, drawn);
    };
    socket.receive_capacity = bounded(receive_bytes, profile.receive_queue_bytes);
    socket.send_capacity = bounded(send_bytes, profile.send_queue_bytes);
    return socket;
}

// --- Descriptors.

Socket* Network::find(int fd) const {
    const auto index = static_cast<size_t>(fd - kFirstDescriptor);
    return fd >= kFirstDescriptor && index < descriptors_.size() ? descriptors_[index] : nullptr;
}

int Network::give_descriptor(Socket& socket) {
    if (open_descriptors_ >= descriptor_limit_) {
        return -1;
    }
    const auto free = std::ranges::find(descriptors_, nullptr);
    const auto index = static_cast<int>(free - descriptors_.begin());
    if (free == descriptors_.end()) {
        descriptors_.push_back(&socket);
    } else {
        *free = &socket;
    }
    socket.fd = kFirstDescriptor + index;
    ++open_descriptors_;
    counters_.descriptors_most = std::max(counters_.descriptors_most, open_descriptors_);
    return socket.fd;
}

void Network::close_descriptor(int fd) {
    Socket* socket = find(fd);
    if (socket == nullptr) {
        world_.violation("close of descriptor " + std::to_string(fd) + ", which is not open");
        return;
    }
    descriptors_[static_cast<size_t>(fd - kFirstDescriptor)] = nullptr;
    --open_descriptors_;
    release(*socket);
}

void Network::release(Socket& socket) {
    if (!socket.waiting.empty()) {
        world_.violation("close of descriptor " + std::to_string(socket.fd) +
                         " with a pending operation");
    }
    socket.fd = -1;
    switch (socket.kind) {
        case SocketKind::stream:
            close(socket);
            break;
        case SocketKind::listener:
            stop_listening(socket);
            break;
        case SocketKind::descriptor:
            socket.closed = true;
            break;
    }
}

int Network::open_descriptor() {
    Socket& socket = make(SocketKind::descriptor);
    socket.state = StreamState::connected;
    return give_descriptor(socket);
}

void Network::put(int fd, std::string_view bytes) {
    Socket* socket = find(fd);
    SLUICE_ASSERT(socket != nullptr && socket->kind == SocketKind::descriptor);
    socket->receive_queue += bytes;
    changed(*socket);
}

Result<int> Network::open_stream(const net::SocketOptions& options) {
    Socket& socket = make_stream(options.receive_buffer_bytes, options.send_buffer_bytes);
    const int fd = give_descriptor(socket);
    if (fd < 0) {
        return fail(net::os_error(EMFILE, ErrorSource::gateway, "opening a socket"));
    }
    return fd;
}

// --- Listening.

Result<int> Network::listen(const net::Address& address,
                            const net::SocketOptions& options,
                            bool reuse_port) {
    for (const Socket* listener : listeners_) {
        if (address.port() != 0 && listener->local == address &&
            !(listener->reuse_port && reuse_port)) {
            return fail(net::os_error(EADDRINUSE, ErrorSource::gateway, "listening"));
        }
    }
    Socket& socket = make(SocketKind::listener);
    socket.local = address;
    if (address.port() == 0) {
        socket.local.set_port(next_port_++);
    }
    socket.reuse_port = reuse_port;
    socket.backlog_max = options.listen_backlog;
    socket.receive_capacity = options.receive_buffer_bytes;
    socket.send_capacity = options.send_buffer_bytes;
    const int fd = give_descriptor(socket);
    if (fd < 0) {
        return fail(net::os_error(EMFILE, ErrorSource::gateway, "opening a listening socket"));
    }
    listeners_.push_back(&socket);
    return fd;
}

Socket& Network::actor_listen(const net::Address& at, std::function<void(Socket&)> on_accept) {
    Socket& socket = make(SocketKind::listener);
    socket.local = at;
    socket.backlog_max = UINT32_MAX;
    socket.on_accept = std::move(on_accept);
    listeners_.push_back(&socket);
    return socket;
}

void Network::stop_listening(Socket& listener) {
    std::erase(listeners_, &listener);
    while (!listener.backlog.empty()) {
        reset(*std::exchange(listener.backlog.front(), nullptr));
        listener.backlog.pop_front();
    }
}

Socket* Network::take_accepted(Socket& listener) {
    if (listener.backlog.empty()) {
        return nullptr;
    }
    Socket* socket = listener.backlog.front();
    listener.backlog.pop_front();
    return socket;
}

Socket* Network::listener_for(const net::Address& address) {
    if (std::ranges::find(refused_, address) != refused_.end()) {
        return nullptr;
    }
    std::vector<Socket*> found;
    std::ranges::copy_if(listeners_, std::back_inserter(found),
                         [&](const Socket* listener) { return listener->local == address; });
    return found.empty() ? nullptr
                         : found[world_.prng().below(static_cast<uint32_t>(found.size()))];
}

void Network::set_refused(const net::Address& address, bool refused) {
    std::erase(refused_, address);
    if (refused) {
        refused_.push_back(address);
    }
}

// --- Connecting.

Socket& Network::actor_connect(const net::Address& to, std::function<void()> on_change) {
    Socket& socket = make_stream(0, 0);
    socket.on_change = std::move(on_change);
    connect(socket, to);
    return socket;
}

void Network::connect(Socket& socket, const net::Address& to) {
    SLUICE_ASSERT(socket.state == StreamState::fresh);
    socket.state = StreamState::connecting;
    socket.peer = to;
    socket.local = net::Address::loopback(next_port_);
    next_port_ = next_port_ == UINT16_MAX ? 32768 : static_cast<uint16_t>(next_port_ + 1);
    if (world_.prng().chance(world_.profile().connect_silent)) {
        socket.faulted = true;
        ++counters_.faults;
        fail_connect(socket, ETIMEDOUT, kOpeningTimeout);
        return;
    }
    world_.after(drawn_delay(), [this, &socket] { opening_arrives(socket, 1); });
}

void Network::opening_arrives(Socket& client, unsigned attempt) {
    if (client.closed) {
        return;
    }
    const bool refused = world_.prng().chance(world_.profile().connect_refused);
    Socket* listener = refused ? nullptr : listener_for(client.peer);
    if (listener == nullptr) {
        client.faulted = client.faulted || refused;
        counters_.faults += refused ? 1 : 0;
        fail_connect(client, ECONNREFUSED, drawn_delay());
        return;
    }
    if (listener->backlog.size() <= listener->backlog_max) {
        establish(client, *listener);
    } else if (attempt < kOpeningAttemptsMax) {
        world_.after(kOpeningRetry,
                     [this, &client, attempt] { opening_arrives(client, attempt + 1); });
    } else {
        fail_connect(client, ETIMEDOUT, kOpeningTimeout);
    }
}

void Network::establish(Socket& client, Socket& listener) {
    ++counters_.connections;
    Socket& server = make_stream(listener.receive_capacity, listener.send_capacity);
    server.local = listener.local;
    server.peer = client.local;
    server.other = &client;
    server.state = StreamState::connected;
    client.other = &server;
    draw_faults(client);
    draw_faults(server);
    // The client learns of it first; nothing that the server sends overtakes that.
    server.last_arrival = world_.now() + drawn_delay();
    world_.at(server.last_arrival, [this, &client] {
        if (client.closed || client.state != StreamState::connecting) {
            deliver_reset(*client.other);  // Given up meanwhile.
            return;
        }
        client.state = StreamState::connected;
        client.acknowledged_bytes = 1;  // Linux counts the opening.
        changed(client);
        pump(client);
    });
    if (listener.on_accept) {
        listener.on_accept(server);
        return;
    }
    listener.backlog.push_back(&server);
    changed(listener);
}

void Network::draw_faults(Socket& socket) {
    constexpr uint32_t kBytesMost = 20'000;
    Prng& prng = world_.prng();
    if (prng.chance(world_.profile().connection_resets)) {
        socket.reset_at_bytes = prng.below(prng.chance(0.5) ? kBytesMost : 200);
    }
    if (prng.chance(world_.profile().connection_silent)) {
        socket.silent_at_bytes = prng.below(prng.chance(0.5) ? kBytesMost : 200);
    }
}

void Network::fail_connect(Socket& client, int error, Duration after) {
    world_.after(after, [this, &client, error] {
        if (!client.closed && client.state == StreamState::connecting) {
            die(client, error);
        }
    });
}

// --- Ending.

void Network::shutdown_send(Socket& socket) {
    if (socket.state != StreamState::connected || socket.send_shut) {
        return;
    }
    socket.send_shut = true;
    changed(socket);
    pump(socket);
}

void Network::shutdown(Socket& socket) {
    if (socket.state == StreamState::connecting) {
        die(socket, ECONNRESET);
        return;
    }
    if (socket.state != StreamState::connected) {
        return;
    }
    socket.receive_shut = true;
    shutdown_send(socket);
    changed(socket);
}

void Network::close(Socket& socket) {
    if (socket.closed) {
        return;
    }
    if (socket.reset_on_close || !socket.receive_queue.empty()) {
        reset(socket);
        return;
    }
    shutdown_send(socket);
    socket.closed = true;
    socket.on_change = nullptr;
}

void Network::reset(Socket& socket) {
    const bool was_connected = socket.state == StreamState::connected;
    socket.closed = true;
    socket.on_change = nullptr;
    socket.receive_queue.clear();
    socket.send_queue.clear();
    socket.state = StreamState::dead;
    if (was_connected) {
        put_on_wire(socket, {Socket::Piece::Kind::reset, {}});
    }
}

void Network::check_end() const {
    for (const Socket* socket : descriptors_) {
        if (socket != nullptr) {
            world_.violation("descriptor " + std::to_string(socket->fd) + " is still open: " +
                             socket->local.to_string() + " to " + socket->peer.to_string());
        }
    }
}

}  // namespace sluice::sim
