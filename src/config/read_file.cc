// read_file: open, one buffer, read to the end.
#include "config/read_file.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/environment.h"

namespace sluice::config {

namespace {

std::string cannot_read(int os_errno) {
    return fmt::format("cannot be read: {}", std::generic_category().message(os_errno));
}

// An open descriptor, closed at the end.
class File {
public:
    // Not blocking, so that a pipe nobody writes to cannot hold up the start.
    explicit File(const std::string& path)
        : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), os_errno_(errno) {}
    ~File() {
        if (is_open()) {
            close(fd_);
        }
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    bool is_open() const { return fd_ >= 0; }
    int fd() const { return fd_; }

    // Why it is of no use; "" when it is.
    std::string problem() const {
        struct stat status = {};
        if (!is_open()) {
            return cannot_read(os_errno_);
        }
        if (fstat(fd_, &status) == 0 && S_ISDIR(status.st_mode)) {
            return cannot_read(EISDIR);
        }
        return "";
    }

private:
    int fd_;
    int os_errno_;
};

}  // namespace

std::expected<std::string, std::string> read_file(const std::string& path, size_t bytes_max) {
    const File file(path);
    if (std::string problem = file.problem(); !problem.empty()) {
        return std::unexpected(std::move(problem));
    }
    // One byte more than allowed tells a file that is too large.
    std::string content(bytes_max + 1, '\0');
    size_t length = 0;
    int os_errno = 0;
    while (length < content.size()) {
        const ssize_t count = read(file.fd(), content.data() + length, content.size() - length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        os_errno = count < 0 ? errno : 0;
        if (count <= 0) {
            break;
        }
        length += static_cast<size_t>(count);
    }
    if (os_errno == 0 && length <= bytes_max) {
        content.resize(length);
        return content;
    }
    explicit_bzero(content.data(), content.size());  // It may have been a key.
    return std::unexpected(os_errno != 0 ? cannot_read(os_errno)
                                         : fmt::format("has more than {} bytes", bytes_max));
}

std::string unreadable(const std::string& path) {
    return File(path).problem();
}

Environment process_environment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* value = secure_getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
}

}  // namespace sluice::config
