// Network: the descriptors, listeners and connections of a simulated world.
//
// One table of descriptors for the program under test (lowest free number first, as POSIX says, so
// that reuse bites early) and sockets without descriptors for actors. Several listeners may share
// a port. Connections get their faults when they are made, each drawn from the profile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/options.h"
#include "sim/socket.h"

namespace sluice::sim {

class World;

struct NetworkCounters {
    uint64_t connections = 0;
    uint64_t bytes_delivered = 0;
    uint64_t resets = 0;
    uint64_t faults = 0;
    uint32_t descriptors_most = 0;
};

class Network {
public:
    explicit Network(World& world) : world_(world) {}
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    // --- The program's side, by descriptor. Operations use the sockets (net::Ring does).
    Result<int> listen(const net::Address& address,
                       const net::SocketOptions& options,
                       bool reuse_port);
    Result<int> open_stream(const net::SocketOptions& options);
    // For signals and the like: actors write, the program reads.
    int open_descriptor();
    // Null when the number is not open.
    Socket* find(int fd) const;
    // The number for an accepted connection; -1 when there is none left.
    int give_descriptor(Socket& socket);
    void close_descriptor(int fd);
    // The program has let go of a socket, whatever its number was.
    void release(Socket& socket);
    uint32_t open_descriptors() const { return open_descriptors_; }
    // The next that is opened beyond this many fails with EMFILE.
    void set_descriptor_limit(uint32_t limit) { descriptor_limit_ = limit; }

    // --- Actors' side: sockets without descriptors.
    Socket& actor_connect(const net::Address& to, std::function<void()> on_change);
    Socket& actor_listen(const net::Address& at, std::function<void(Socket&)> on_accept);
    void stop_listening(Socket& listener);

    // --- Both.
    void connect(Socket& socket, const net::Address& to);
    // Takes as much as there is room for; returns how much.
    size_t write(Socket& socket, std::string_view bytes);
    // Up to `most` bytes of what has arrived.
    std::string read(Socket& socket, size_t most);
    // The error of the connection, once; then 0.
    int take_error(Socket& socket);
    void shutdown_send(Socket& socket);
    void shutdown(Socket& socket);
    void close(Socket& socket);
    void reset(Socket& socket);
    // The next connection waiting at a listener; null when there is none.
    Socket* take_accepted(Socket& listener);
    // Puts bytes into a descriptor made by open_descriptor().
    void put(int fd, std::string_view bytes);

    // --- Faults on demand.
    // Both ends see a reset.
    void cut(Socket& socket);
    // Nothing passes any more in either direction, without a word; `heal` lets it pass again.
    void silence(Socket& socket);
    void heal(Socket& socket);
    // Every connection to this address is refused from now on.
    void set_refused(const net::Address& address, bool refused);
    const std::vector<std::unique_ptr<Socket>>& sockets() const { return sockets_; }

    const NetworkCounters& counters() const { return counters_; }
    void check_end() const;
    // Tells whoever waits on the socket that something changed.
    void changed(Socket& socket);

private:
    static constexpr int kFirstDescriptor = 100;
    static constexpr uint32_t kDescriptorLimit = 4096;

    Socket& make(SocketKind kind);
    Socket& make_stream(uint32_t receive_bytes, uint32_t send_bytes);
    Socket* listener_for(const net::Address& address);
    void opening_arrives(Socket& client, unsigned attempt);
    void establish(Socket& client, Socket& listener);
    void draw_faults(Socket& socket);
    void fail_connect(Socket& client, int error, Duration after);
    void pump(Socket& socket);
    void put_on_wire(Socket& socket, Socket::Piece piece);
    void schedule_arrival(Socket& socket);
    void arrive(Socket& sender);
    void deliver_data(Socket& sender, std::string_view bytes);
    void deliver_reset(Socket& receiver);
    void die(Socket& socket, int error);
    void strike_faults(Socket& socket);
    Duration drawn_delay();

    World& world_;
    std::vector<std::unique_ptr<Socket>> sockets_;
    std::vector<Socket*> listeners_;
    std::vector<Socket*> descriptors_;  // By number minus kFirstDescriptor.
    std::vector<net::Address> refused_;
    uint32_t open_descriptors_ = 0;
    uint32_t descriptor_limit_ = kDescriptorLimit;
    uint16_t next_port_ = 32768;
    NetworkCounters counters_;
};

}  // namespace sluice::sim
