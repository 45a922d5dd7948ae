// Plain sockets with the system's own time limits.
#include "net/blocking_stream.h"

#include <cerrno>
#include <memory>
#include <span>
#include <string_view>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/endpoint.h"
#include "net/os_error.h"

namespace sluice::net {

namespace {

int connect_to(int fd, const Endpoint& endpoint) {
    if (!endpoint.is_unix()) {
        return ::connect(fd, endpoint.address.data(), endpoint.address.length());
    }
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    endpoint.unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

Result<std::unique_ptr<BlockingStream>> BlockingStream::connect(const Endpoint& endpoint,
                                                                Duration timeout) {
    const int family = endpoint.is_unix() ? AF_UNIX : endpoint.address.family();
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail(os_error(errno, ErrorSource::gateway, "opening a socket"));
    }
    std::unique_ptr<BlockingStream> stream(new BlockingStream(fd));
    const timeval limit = {.tv_sec = timeout.ms() / 1000, .tv_usec = (timeout.us() % 1'000'000)};
    // Sending's limit is connecting's as well.
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect_to(fd, endpoint) != 0) {
        return fail(os_error(errno, ErrorSource::upstream, "connecting"));
    }
    return stream;
}

BlockingStream::~BlockingStream() {
    ::close(fd_);
}

Status BlockingStream::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return fail(os_error(errno, ErrorSource::upstream, "sending"));
        }
        bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return {};
}

Result<size_t> BlockingStream::receive(std::span<char> to) {
    while (true) {
        const ssize_t got = ::recv(fd_, to.data(), to.size(), 0);
        if (got >= 0) {
            return static_cast<size_t>(got);
        }
        if (errno != EINTR) {
            return fail(os_error(errno, ErrorSource::upstream, "receiving"));
        }
    }
}

}  // namespace sluice::net
