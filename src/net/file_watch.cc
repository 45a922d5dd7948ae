// inotify on folders, and a look at the file when they have become quiet.
#include "net/file_watch.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "net/op.h"
#include "net/os_error.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::net {

namespace {

// A folder in which something happens all the time must not put the look off for ever.
constexpr Duration kQuietMax = Duration::seconds(2);
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR;

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

FileWatch::FileWatch(Proactor& proactor, void (*on_change)(void* owner), void* owner)
    : proactor_(proactor),
      on_change_(on_change),
      owner_(owner),
      read_op_(&on_events, this),
      quiet_timer_(&on_quiet, this) {}

FileWatch::~FileWatch() {
    SLUICE_ASSERT(fd_ < 0 && is_idle());
}

Status FileWatch::start(const std::string& path) {
    SLUICE_ASSERT(fd_ < 0);
    path_ = path;
    fd_ = ::inotify_init1(IN_CLOEXEC);
    if (fd_ < 0 || !watch_folders()) {
        const int failed = errno;
        close_descriptor();
        return fail(os_error(failed, ErrorSource::gateway, "watching a file"));
    }
    seen_ = look();
    read_events();
    return {};
}

// The folder of the path, and the one in which the file lies that it leads to. The second one
// changes with a link, so this is done again after each change; watching twice is watching once.
bool FileWatch::watch_folders() const {
    if (::inotify_add_watch(fd_, folder_of(path_).c_str(), kEvents) < 0) {
        return false;
    }
    const std::unique_ptr<char, void (*)(void*)> real(::realpath(path_.c_str(), nullptr),
                                                      &std::free);
    if (real != nullptr) {
        ::inotify_add_watch(fd_, folder_of(real.get()).c_str(), kEvents);
    }
    return true;
}

FileWatch::Look FileWatch::look() const {
    struct stat status = {};
    if (::stat(path_.c_str(), &status) != 0) {
        return {};
    }
    return {.device = status.st_dev,
            .inode = status.st_ino,
            .size_bytes = status.st_size,
            .modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

void FileWatch::read_events() {
    proactor_.ring().read(fd_, events_, sizeof events_, read_op_);
}

void FileWatch::on_events(Op& op, int32_t result, uint32_t /*flags*/) {
    auto& watch = op.owner_as<FileWatch>();
    if (watch.stopping_) {
        watch.close_descriptor();
        return;
    }
    if (result > 0) {
        watch.saw_event();
    }
    if (result > 0 || result == -EINTR || result == -EAGAIN) {
        watch.read_events();
    } else {
        watch.close_descriptor();
    }
}

// Which event it was does not matter: what counts is how the file looks afterwards.
void FileWatch::saw_event() {
    if (!first_event_.is_set()) {
        first_event_ = proactor_.now();
    }
    proactor_.timers().arm(quiet_timer_,
                           std::min(proactor_.now() + kQuiet, first_event_ + kQuietMax));
}

void FileWatch::on_quiet(Timer& timer) {
    timer.owner_as<FileWatch>().look_again();
}

void FileWatch::look_again() {
    first_event_ = {};
    watch_folders();
    const Look now = look();
    // A file that is away for a moment is no new one.
    if (now != Look() && now != seen_) {
        seen_ = now;
        on_change_(owner_);
    }
}

void FileWatch::close_descriptor() {
    if (fd_ >= 0) {
        ::close(std::exchange(fd_, -1));
    }
    stopping_ = false;
}

void FileWatch::stop() {
    quiet_timer_.cancel();
    first_event_ = {};
    if (fd_ < 0 || stopping_) {
        return;
    }
    if (read_op_.pending == 0) {
        close_descriptor();
        return;
    }
    stopping_ = true;
    proactor_.ring().cancel(read_op_);
}

}  // namespace sluice::net
