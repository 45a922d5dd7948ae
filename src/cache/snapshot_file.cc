// The file itself: created beside the old one, written in large pieces, renamed when it is whole.
#include "cache/snapshot_file.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/cache_key.h"
#include "cache/response_cache.h"
#include "cache/snapshot_records.h"

namespace sluice::cache {

namespace {

constexpr size_t kWriteBytes = 1 << 20;
constexpr mode_t kOwnerOnly = 0600;

// Closes what it opened.
class File {
public:
    explicit File(int fd) : fd_(fd) {}
    ~File() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int fd() const { return fd_; }
    bool write(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
            if (count < 0 && errno != EINTR) {
                return false;
            }
            bytes.remove_prefix(count > 0 ? static_cast<size_t>(count) : 0);
        }
        return true;
    }

private:
    const int fd_;
};

class FileSource final : public SnapshotSource {
public:
    FileSource(const File& file, uint64_t size_bytes) : file_(file), left_(size_bytes) {}
    bool read(std::span<char> to) override {
        size_t filled = 0;
        while (filled < to.size()) {
            const ssize_t count = ::read(file_.fd(), to.data() + filled, to.size() - filled);
            if (count == 0 || (count < 0 && errno != EINTR)) {
                return false;
            }
            filled += count > 0 ? static_cast<size_t>(count) : 0;
        }
        left_ -= std::min<uint64_t>(left_, filled);
        return true;
    }
    uint64_t left_bytes() const override { return left_; }

private:
    const File& file_;
    uint64_t left_;
};

using Entries = std::expected<std::vector<StoredEntry>, std::string>;

std::unexpected<std::string> failed(const char* what) {
    return std::unexpected(std::string(what) + ": " +
                           std::error_code(errno, std::generic_category()).message());
}

std::expected<uint64_t, std::string> write_records(const File& file,
                                                   std::span<const StoredEntry> entries,
                                                   const SnapshotTime& time) {
    uint64_t written = 0;
    std::string text = snapshot_head(entries.size(), time);
    for (size_t i = 0; i <= entries.size(); ++i) {
        const bool is_last = i == entries.size();
        if (!is_last) {
            append_record(text, entries[i], time.now);
        }
        if (is_last || text.size() >= kWriteBytes) {
            if (!file.write(text)) {
                return failed("cannot be written");
            }
            written += text.size();
            text.clear();
        }
    }
    if (::fsync(file.fd()) != 0) {
        return failed("cannot be written");
    }
    return written;
}

}  // namespace

std::expected<uint64_t, std::string> save_snapshot(const std::string& path,
                                                   std::vector<StoredEntry>& entries,
                                                   const SnapshotTime& time) {
    std::ranges::sort(entries, std::ranges::greater(), &StoredEntry::used_at);
    const std::string beside = path + ".new";
    ::unlink(beside.c_str());  // Nobody else's file is written to, nor what a link leads to.
    const File file(
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly));
    if (file.fd() < 0) {
        return failed("cannot be created");
    }
    auto written = write_records(file, entries, time);
    if (written && ::rename(beside.c_str(), path.c_str()) != 0) {
        written = failed("cannot be replaced");
    }
    if (!written) {
        ::unlink(beside.c_str());
    }
    return written;
}

Entries load_snapshot(const std::string& path, const KeyMaker& maker, const SnapshotTime& time) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd() < 0) {
        return errno == ENOENT ? Entries() : failed("cannot be read");
    }
    struct stat about = {};
    if (::fstat(file.fd(), &about) != 0) {
        return failed("cannot be read");
    }
    FileSource source(file, static_cast<uint64_t>(about.st_size));
    return read_snapshot(source, maker, time);
}

}  // namespace sluice::cache
