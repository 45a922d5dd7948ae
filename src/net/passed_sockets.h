// PassedSockets: sockets that listen already when the process starts, as systemd passes them to the
// service of a socket unit (the protocol of sd_listen_fds(3)).
//
// They are the descriptors from 3 on; three variables say how many, for which process, and what
// they are called. A socket is known by the address that it is bound to. What is passed belongs to
// whoever passed it: here are duplicates only, closing the last of them ends no queue of
// connections, and no file of a unix socket is ever removed. Main thread, when the process starts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/endpoint.h"
#include "net/options.h"

namespace sluice::net {

// What the environment says of them.
struct PassedVariables {
    std::optional<std::string> process;  // LISTEN_PID
    std::optional<std::string> count;    // LISTEN_FDS
    std::optional<std::string> names;    // LISTEN_FDNAMES
};

class PassedSockets {
public:
    static constexpr int kFirst = 3;
    // More is a mistake: a listener needs one, or one for each shard.
    static constexpr uint32_t kCountMax = 1024;

    // The names of the sockets passed to process `self`, in order; none when they are another's.
    // The error is for a person.
    static std::expected<std::vector<std::string>, std::string> read_names(
        const PassedVariables& variables, int64_t self);

    // Takes over descriptors from `first` on, as many as there are names. Fails, and takes none,
    // when one of them is no listening stream socket; the error is for a person.
    static std::expected<PassedSockets, std::string> take(int first,
                                                          std::span<const std::string> names);

    PassedSockets() = default;
    ~PassedSockets();
    PassedSockets(PassedSockets&& other) noexcept;
    PassedSockets& operator=(PassedSockets&& other) noexcept;

    size_t size() const { return sockets_.size(); }
    // How many of them listen there.
    size_t count(const Endpoint& endpoint) const;
    // A descriptor of the caller's for one of these, by turns; nothing when there is none. From
    // then on the socket and the connections that it accepts have these options.
    Result<std::optional<int>> duplicate(const Endpoint& endpoint,
                                         size_t turn,
                                         const SocketOptions& options) const;
    // The first that listens on none of these, for a person.
    std::optional<std::string> find_unfit(std::span<const Endpoint> endpoints) const;

private:
    struct Socket {
        int fd = -1;
        std::string name;
        std::string address;  // As Endpoint::to_string() writes it.
    };

    static std::expected<Socket, std::string> look_at(int fd, const std::string& name);
    void close_all();

    std::vector<Socket> sockets_;
};

}  // namespace sluice::net
