// Every system call that fails is named, with the system's own words.
#include "access/key_file.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::access {

namespace {

constexpr mode_t kPrivate = S_IRUSR | S_IWUSR;

std::unexpected<std::string> failed(std::string_view what, int os_errno) {
    return std::unexpected(fmt::format("{}: {}", what, std::generic_category().message(os_errno)));
}

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) {
            close(fd_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    bool is_open() const { return fd_ >= 0; }
    int fd() const { return fd_; }

private:
    int fd_;
};

// The errno of the first write that failed, else 0.
int write_all(int fd, std::string_view content) {
    while (!content.empty()) {
        const ssize_t count = write(fd, content.data(), content.size());
        if (count < 0 && errno != EINTR) {
            return errno;
        }
        content.remove_prefix(count > 0 ? static_cast<size_t>(count) : 0);
    }
    return 0;
}

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

// Why the file may not be used; "" when it may.
std::string problem_of(const struct stat& status, size_t bytes_max) {
    const mode_t mode = status.st_mode & ~static_cast<mode_t>(S_IFMT);
    if (!S_ISREG(status.st_mode)) {
        return "is not a regular file";
    }
    if ((mode & (S_IRWXG | S_IRWXO)) != 0) {
        return fmt::format("is open to others (mode {:04o}); make it 0600", mode);
    }
    if (static_cast<size_t>(status.st_size) > bytes_max) {
        return fmt::format("has more than {} bytes", bytes_max);
    }
    return "";
}

}  // namespace

std::expected<std::optional<std::string>, std::string> read_private_file(const std::string& path,
                                                                         size_t bytes_max) {
    // Not blocking, so that a pipe nobody writes to cannot hold up the start.
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open()) {
        if (errno == ENOENT) {
            return std::nullopt;
        }
        return failed("cannot be read", errno);
    }
    struct stat status = {};
    if (fstat(file.fd(), &status) != 0) {
        return failed("cannot be read", errno);
    }
    if (std::string problem = problem_of(status, bytes_max); !problem.empty()) {
        return std::unexpected(std::move(problem));
    }
    std::string content(static_cast<size_t>(status.st_size), '\0');
    size_t length = 0;
    while (length < content.size()) {
        const ssize_t count = read(file.fd(), content.data() + length, content.size() - length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return failed("cannot be read", errno);
        }
        if (count == 0) {
            break;
        }
        length += static_cast<size_t>(count);
    }
    content.resize(length);
    return content;
}

std::expected<void, std::string> replace_private_file(const std::string& path,
                                                      std::string_view content) {
    const std::string fresh = path + ".new";
    unlink(fresh.c_str());  // What a crash left behind; if it cannot go, opening says why.
    {
        const Descriptor file(
            open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kPrivate));
        if (!file.is_open()) {
            return failed(fmt::format("{} cannot be created", fresh), errno);
        }
        int os_errno = write_all(file.fd(), content);
        if (os_errno == 0 && (fchmod(file.fd(), kPrivate) != 0 || fsync(file.fd()) != 0)) {
            os_errno = errno;
        }
        if (os_errno != 0) {
            unlink(fresh.c_str());
            return failed(fmt::format("{} cannot be written", fresh), os_errno);
        }
    }
    if (rename(fresh.c_str(), path.c_str()) != 0) {
        const int os_errno = errno;
        unlink(fresh.c_str());
        return failed("cannot be replaced", os_errno);
    }
    const Descriptor folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.is_open() || fsync(folder.fd()) != 0) {
        return failed("was replaced, but its folder cannot be synchronised", errno);
    }
    return {};
}

}  // namespace sluice::access
