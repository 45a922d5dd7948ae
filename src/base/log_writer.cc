// The writer's thread, which reads the clock itself. Descriptors that may block are asked first and
// written to in pieces that then fit.
#include "base/log_writer.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <ratio>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/result.h"

namespace sluice {

namespace {

// What is taken from the lanes of a sink at a time; also what is lost when the sink goes.
constexpr size_t kBatchBytes = size_t{256} * 1024;
// Batches of one sink before the others get their turn.
constexpr unsigned kBatchesPerRoundMax = 16;
// How often places that went silent are asked for their suppressed lines.
constexpr uint32_t kReportIntervalMs = 1'000;
// How long a sink that takes nothing is waited for before the others are looked at again.
constexpr uint32_t kBlockedWaitMs = 20;
constexpr mode_t kFileMode = 0640;
constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;

// tidy:allow(clock) a thread beside the shards, and the end of the process, go by real time
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<uint32_t, std::milli>;

// Sleeps while `word` is `value`; a time of 0 is for ever. True when the time is over.
bool futex_wait(std::atomic<uint32_t>& word, uint32_t value, uint32_t timeout_ms) {
    static_assert(sizeof(word) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
    const timespec timeout = {.tv_sec = timeout_ms / 1'000,
                              .tv_nsec = static_cast<int64_t>(timeout_ms % 1'000) * kNsPerMs};
    return ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value,
                     timeout_ms == 0 ? nullptr : &timeout, nullptr, 0) < 0 &&
           errno == ETIMEDOUT;
}

void futex_wake(std::atomic<uint32_t>& word) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

// Non-blocking, so that a pipe without a reader fails at once instead of holding up the start.
int open_file(const std::string& path) {
    return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                  kFileMode);
}

}  // namespace

// A sink: its descriptor, its lanes, and what was taken from them but not yet written.
struct LogWriter::Outlet {
    enum class Kind : uint8_t { file, socket, other };

    Outlet(std::string path_or_empty, int descriptor)
        : path(std::move(path_or_empty)), fd(descriptor) {
        look_at_descriptor();
    }
    ~Outlet() {
        if (!path.empty()) {
            ::close(fd);
        }
    }

    void look_at_descriptor() {
        struct stat status = {};
        ::fstat(fd, &status);
        kind = S_ISREG(status.st_mode)    ? Kind::file
               : S_ISSOCK(status.st_mode) ? Kind::socket
                                          : Kind::other;
    }
    std::string_view left() const { return std::string_view(batch).substr(written); }
    // Whether it takes bytes without making us wait.
    bool is_ready() const {
        pollfd watched = {.fd = fd, .events = POLLOUT, .revents = 0};
        return kind == Kind::file || ::poll(&watched, 1, 0) > 0;
    }
    ssize_t write() const {
        const std::string_view bytes = left();
        switch (kind) {
            case Kind::file:
                return ::write(fd, bytes.data(), bytes.size());
            case Kind::socket:
                return ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            case Kind::other:  // A pipe that is ready has room for this much.
                return ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
        }
        return 0;
    }

    const std::string path;  // Empty for the process's own descriptors.
    int fd;
    Kind kind = Kind::other;
    std::vector<std::unique_ptr<LogLane>> lanes;
    std::string batch;
    size_t written = 0;    // Of the batch.
    uint32_t rest_ms = 0;  // Left alone for so long, after an error.
};

bool LogLane::push(std::string_view lines) {
    const bool fits = ring_.push(lines);
    writer_.wake();
    if (ring_.is_half_full()) {
        writer_.hurry();
    }
    return fits;
}

LogWriter::LogWriter(const LogWriterOptions& options) : options_(options) {}

LogWriter::~LogWriter() {
    stop();
}

Result<LogWriter::Sink> LogWriter::add_sink(std::string_view target) {
    std::string path;
    int fd = STDOUT_FILENO;
    if (target == "stderr") {
        fd = STDERR_FILENO;
    } else if (target != "stdout") {
        path = target;
        fd = open_file(path);
        if (fd < 0) {
            return fail({.kind = ErrorKind::internal,
                         .os_errno = static_cast<int16_t>(errno),
                         .where = "open log file"});
        }
    }
    outlets_.push_back(std::make_unique<Outlet>(std::move(path), fd));
    return static_cast<Sink>(outlets_.size() - 1);
}

LogLane& LogWriter::add_lane(Sink sink, size_t capacity_bytes) {
    SLUICE_ASSERT(!thread_.joinable());
    auto& lanes = outlets_[static_cast<size_t>(sink)]->lanes;
    lanes.push_back(std::unique_ptr<LogLane>(new LogLane(*this, capacity_bytes)));
    return *lanes.back();
}

void LogWriter::start() {
    SLUICE_ASSERT(!thread_.joinable());
    // Signals are for others; SIGPIPE, too, shows as an error of the write then.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "sluice-log");
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void LogWriter::wake() {
    // Between the line in its lane and the look at the flag, as the writer raises the flag before
    // it looks at the lanes: one of the two sees the other.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (is_asleep_.load(std::memory_order_relaxed) != 0 && is_asleep_.exchange(0) != 0) {
        futex_wake(is_asleep_);
    }
}

void LogWriter::hurry() {
    if (is_hurried_.load(std::memory_order_relaxed) == 0 && is_hurried_.exchange(1) == 0) {
        futex_wake(is_hurried_);
    }
}

void LogWriter::reopen() {
    wants_reopen_.store(true);
    hurry();
    wake();
}

void LogWriter::stop() {
    if (!thread_.joinable()) {
        return;
    }
    is_stopping_.store(true);
    hurry();
    wake();
    thread_.join();
}

// --- The thread. -------------------------------------------------------------------------------

void LogWriter::run() {
    bool has_written = false;
    Clock::time_point last = Clock::now();
    while (!is_stopping_.load()) {
        const auto passed = std::chrono::duration_cast<Milliseconds>(Clock::now() - last);
        last += passed;
        since_report_ms_ += passed.count();
        if (wants_reopen_.exchange(false)) {
            reopen_files();
        }
        if (since_report_ms_ >= kReportIntervalMs) {
            report_suppressed(false);
        }
        const uint64_t lines_before = counters_.lines.load();
        const Progress progress = write_round(passed.count());
        has_written = has_written || counters_.lines.load() != lines_before;
        if (progress == Progress::idle && std::exchange(has_written, false)) {
            futex_wait(is_hurried_, 0, std::max(options_.batch_delay_ms, 1U));
            is_hurried_.store(0);
        } else if (progress == Progress::idle) {
            sleep_until_woken();
        } else if (progress == Progress::blocked) {
            wait_for_outlets();
        }
    }
    flush();
}

void LogWriter::flush() {
    const auto end = Clock::now() + Milliseconds(options_.flush_timeout_ms);
    static_cast<void>(write_round(kBlockedWaitMs));
    report_suppressed(true);  // After the lines that it is about.
    Progress progress = Progress::more;
    while (progress != Progress::idle && Clock::now() < end) {
        progress = write_round(kBlockedWaitMs);
        if (progress == Progress::blocked) {
            wait_for_outlets();
        }
    }
    for (const auto& outlet : outlets_) {
        counters_.lost_bytes += outlet->left().size();
    }
}

LogWriter::Progress LogWriter::write_round(uint32_t passed_ms) {
    Progress all = Progress::idle;
    for (const auto& outlet : outlets_) {
        outlet->rest_ms -= std::min(outlet->rest_ms, passed_ms);
        Progress one = Progress::more;
        for (unsigned i = 0; i < kBatchesPerRoundMax && one == Progress::more; ++i) {
            one = write_some(*outlet);
        }
        all = std::max(all, one);
    }
    return all;
}

// One batch, or what is left of it.
LogWriter::Progress LogWriter::write_some(Outlet& outlet) {
    if (outlet.left().empty()) {
        outlet.batch.clear();
        outlet.written = 0;
        const size_t share = kBatchBytes / std::max<size_t>(outlet.lanes.size(), 1);
        for (const auto& lane : outlet.lanes) {
            counters_.lines += lane->ring_.pop_into(outlet.batch, outlet.batch.size() + share);
        }
        if (outlet.batch.empty()) {
            return Progress::idle;
        }
    }
    while (!outlet.left().empty()) {
        if (outlet.rest_ms > 0 || !outlet.is_ready()) {
            return Progress::blocked;
        }
        const ssize_t written = outlet.write();
        if (written < 0) {
            return on_write_error(outlet, errno);
        }
        outlet.written += static_cast<size_t>(written);
    }
    return Progress::more;
}

LogWriter::Progress LogWriter::on_write_error(Outlet& outlet, int os_errno) {
    if (os_errno == EINTR || os_errno == EAGAIN) {
        return Progress::blocked;
    }
    ++counters_.write_errors;
    outlet.rest_ms = options_.retry_delay_ms;
    if (os_errno == EPIPE || os_errno == ECONNRESET) {
        // Whoever reads next must not begin in the middle of a line.
        counters_.lost_bytes += outlet.left().size();
        outlet.written = outlet.batch.size();
    }
    return Progress::blocked;
}

bool LogWriter::has_work() const {
    return wants_reopen_.load() || is_stopping_.load() ||
           std::ranges::any_of(outlets_, [](const auto& outlet) {
               return std::ranges::any_of(outlet->lanes,
                                          [](const auto& lane) { return !lane->ring_.empty(); });
           });
}

void LogWriter::sleep_until_woken() {
    is_asleep_.store(1);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    while (!has_work() && is_asleep_.load() != 0) {
        if (futex_wait(is_asleep_, 1, LogSite::has_suppressed() ? kReportIntervalMs : 0)) {
            break;  // They are due.
        }
    }
    is_asleep_.store(0);
}

void LogWriter::wait_for_outlets() {
    std::vector<pollfd> watched;
    for (const auto& outlet : outlets_) {
        if (!outlet->left().empty() && outlet->rest_ms == 0) {
            watched.push_back({.fd = outlet->fd, .events = POLLOUT, .revents = 0});
        }
    }
    ::poll(watched.data(), watched.size(), static_cast<int>(kBlockedWaitMs));
}

void LogWriter::reopen_files() {
    for (const auto& outlet : outlets_) {
        if (outlet->path.empty()) {
            continue;
        }
        const int fd = open_file(outlet->path);
        if (fd < 0) {
            ++counters_.write_errors;  // Goes on with the old one.
            continue;
        }
        ::close(std::exchange(outlet->fd, fd));
        outlet->look_at_descriptor();
        outlet->rest_ms = 0;
    }
}

void LogWriter::report_suppressed(bool of_all) {
    since_report_ms_ = 0;
    if (outlets_.empty()) {
        return;
    }
    const auto append = [](void* writer, const LogSite& site, int64_t second, uint64_t count) {
        auto& self = *static_cast<LogWriter*>(writer);
        LogClock clock;
        clock.set(second * kNsPerSecond);
        append_log_line(self.outlets_.front()->batch, self.options_.format, clock.text(), site, {},
                        count);
    };
    LogSite::collect_suppressed(of_all, append, this);
}

}  // namespace sluice
