// Reading the variables, looking at the descriptors, duplicating them.
#include "net/passed_sockets.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "net/address.h"
#include "net/endpoint.h"
#include "net/options.h"
#include "net/os_error.h"
#include "net/socket_options.h"

namespace sluice::net {

namespace {

// As sd_listen_fds_with_names(3) calls one that has no name.
constexpr std::string_view kNoName = "unknown";

std::unexpected<std::string> mistake(std::string_view variable,
                                     const std::string& value,
                                     std::string_view why) {
    return std::unexpected(std::string(variable) + ": \"" + value + "\" " + std::string(why));
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    for (size_t colon = text.find(':'); colon != std::string_view::npos; colon = text.find(':')) {
        parts.emplace_back(text.substr(0, colon));
        text.remove_prefix(colon + 1);
    }
    parts.emplace_back(text);
    return parts;
}

// Whether the option is one of the socket's and has this value.
bool has_option(int fd, int name, int wanted) {
    int value = 0;
    socklen_t length = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 && value == wanted;
}

// Empty for what no Endpoint can be: another family, or a unix socket without a file.
std::string address_text(int fd) {
    sockaddr_storage storage = {};
    socklen_t length = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
        return {};
    }
    if (storage.ss_family != AF_UNIX) {
        const Address address(reinterpret_cast<const sockaddr*>(&storage), length);
        return address.is_set() ? address.to_string() : std::string();
    }
    sockaddr_un named = {};
    std::memcpy(&named, &storage, std::min<size_t>(length, sizeof named));
    Endpoint endpoint;
    endpoint.unix_path.assign(named.sun_path, ::strnlen(named.sun_path, sizeof named.sun_path));
    return endpoint.is_unix() ? endpoint.to_string() : std::string();
}

}  // namespace

std::expected<std::vector<std::string>, std::string> PassedSockets::read_names(
    const PassedVariables& variables, int64_t self) {
    if (!variables.process || !variables.count) {
        return {};
    }
    const std::optional<uint64_t> process = parse_decimal(*variables.process);
    if (!process) {
        return mistake("LISTEN_PID", *variables.process, "is no process");
    }
    if (static_cast<int64_t>(*process) != self) {
        return {};
    }
    const std::optional<uint64_t> count = parse_decimal(*variables.count);
    if (!count || *count > kCountMax) {
        return mistake("LISTEN_FDS", *variables.count,
                       "is no number from 0 to " + std::to_string(kCountMax));
    }
    if (!variables.names || *count == 0) {
        return std::vector<std::string>(*count, std::string(kNoName));
    }
    std::vector<std::string> names = split(*variables.names);
    if (names.size() != *count) {
        return mistake("LISTEN_FDNAMES", *variables.names,
                       "does not name " + std::to_string(*count) + " sockets");
    }
    return names;
}

std::expected<PassedSockets::Socket, std::string> PassedSockets::look_at(int fd,
                                                                         const std::string& name) {
    const std::string label = "passed descriptor " + std::to_string(fd) + " (" + name + ") ";
    if (::fcntl(fd, F_GETFD) < 0) {
        return std::unexpected(label + "is not open");
    }
    if (!has_option(fd, SO_TYPE, SOCK_STREAM) || !has_option(fd, SO_ACCEPTCONN, 1)) {
        return std::unexpected(label + "is no listening stream socket");
    }
    std::string address = address_text(fd);
    if (address.empty()) {
        return std::unexpected(label + "listens on no IP address and no file");
    }
    return Socket{.fd = fd, .name = name, .address = std::move(address)};
}

std::expected<PassedSockets, std::string> PassedSockets::take(int first,
                                                              std::span<const std::string> names) {
    std::vector<Socket> sockets;
    for (const std::string& name : names) {
        std::expected<Socket, std::string> socket =
            look_at(first + static_cast<int>(sockets.size()), name);
        if (!socket) {
            return std::unexpected(std::move(socket.error()));
        }
        sockets.push_back(std::move(*socket));
    }
    for (const Socket& socket : sockets) {
        ::fcntl(socket.fd, F_SETFD, FD_CLOEXEC);
    }
    PassedSockets taken;
    taken.sockets_ = std::move(sockets);
    return taken;
}

PassedSockets::PassedSockets(PassedSockets&& other) noexcept
    : sockets_(std::exchange(other.sockets_, {})) {}

PassedSockets& PassedSockets::operator=(PassedSockets&& other) noexcept {
    if (this != &other) {
        close_all();
        sockets_ = std::exchange(other.sockets_, {});
    }
    return *this;
}

PassedSockets::~PassedSockets() {
    close_all();
}

void PassedSockets::close_all() {
    for (const Socket& socket : sockets_) {
        ::close(socket.fd);
    }
    sockets_.clear();
}

size_t PassedSockets::count(const Endpoint& endpoint) const {
    return static_cast<size_t>(
        std::ranges::count(sockets_, endpoint.to_string(), &Socket::address));
}

Result<std::optional<int>> PassedSockets::duplicate(const Endpoint& endpoint,
                                                    size_t turn,
                                                    const SocketOptions& options) const {
    std::vector<int> there;
    for (const Socket& socket : sockets_) {
        if (socket.address == endpoint.to_string()) {
            there.push_back(socket.fd);
        }
    }
    if (there.empty()) {
        return std::nullopt;
    }
    const int fd = ::fcntl(there[turn % there.size()], F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return fail(os_error(errno, ErrorSource::gateway, "duplicating a passed socket"));
    }
    if (!endpoint.is_unix()) {
        set_stream_options(fd, options);
    }
    // Changes the length of its queue and nothing else.
    if (::listen(fd, static_cast<int>(options.listen_backlog)) != 0) {
        const int failed = errno;
        ::close(fd);
        return fail(os_error(failed, ErrorSource::gateway, "listening on a passed socket"));
    }
    return fd;
}

std::optional<std::string> PassedSockets::find_unfit(std::span<const Endpoint> endpoints) const {
    for (const Socket& socket : sockets_) {
        const bool fits = std::ranges::any_of(endpoints, [&](const Endpoint& endpoint) {
            return endpoint.to_string() == socket.address;
        });
        if (!fits) {
            return "passed descriptor " + std::to_string(socket.fd) + " (" + socket.name +
                   ") listens on " + socket.address;
        }
    }
    return std::nullopt;
}

}  // namespace sluice::net
