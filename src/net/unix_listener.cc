// Binding, and what to do about a file that is there already.
#include "net/unix_listener.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/result.h"
#include "net/os_error.h"

namespace sluice::net {

namespace {

constexpr mode_t kOwnerOnly = 0600;

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

int bind_to(int fd, const sockaddr_un& address) {
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

// Whether the file is a socket behind which nobody listens any more.
bool is_left_behind(const std::string& path, const sockaddr_un& address) {
    struct stat status = {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return false;
    }
    // Without waiting: one whose queue is full is alive.
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int connected =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const bool is_dead = fd >= 0 && connected != 0 && errno == ECONNREFUSED;
    if (fd >= 0) {
        ::close(fd);
    }
    return is_dead;
}

}  // namespace

UnixListener::UnixListener(std::string path, int fd) : path_(std::move(path)), fd_(fd) {
    struct stat status = {};
    if (::lstat(path_.c_str(), &status) == 0) {
        device_ = status.st_dev;
        inode_ = status.st_ino;
    }
}

UnixListener::~UnixListener() {
    struct stat status = {};
    if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
        status.st_ino == inode_) {
        ::unlink(path_.c_str());
    }
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

Result<std::unique_ptr<UnixListener>> UnixListener::open(const std::string& path,
                                                         uint32_t backlog) {
    const sockaddr_un address = address_of(path);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail(os_error(errno, ErrorSource::gateway, "opening a unix socket"));
    }
    // The file gets the socket's own mode, so that it is never there with a wider one.
    int failed = ::fchmod(fd, kOwnerOnly) == 0 ? 0 : errno;
    if (failed == 0) {
        failed = bind_to(fd, address);
    }
    if (failed == EADDRINUSE && is_left_behind(path, address)) {
        ::unlink(path.c_str());
        failed = bind_to(fd, address);
    }
    if (failed != 0) {
        ::close(fd);
        return fail(os_error(failed, ErrorSource::gateway, "binding a unix socket"));
    }
    // From here on the file is ours to remove.
    std::unique_ptr<UnixListener> listener(new UnixListener(path, fd));
    if (::listen(fd, static_cast<int>(backlog)) != 0) {
        return fail(os_error(errno, ErrorSource::gateway, "listening on a unix socket"));
    }
    return listener;
}

int UnixListener::take_descriptor() {
    return std::exchange(fd_, -1);
}

}  // namespace sluice::net
