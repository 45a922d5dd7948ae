// LogWriter: one thread that carries log lines from the shards to descriptors.
//
// Each shard has a lane per sink, a bounded ring of bytes. The writer sleeps until a lane gets a
// line and writes it at once; what comes within a moment after that is written together, or sooner
// when a lane is half full. A sink that fails or stands still costs only its own lines: its lanes
// fill up, then drop and count. No shard ever waits for it, and neither does the process when it
// ends.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/byte_ring.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"

namespace sluice {

class LogWriter;

// One shard's way to one sink. Belongs to the writer; the shard is its only producer.
class LogLane {
public:
    // A whole line with its end, or several. False when it was dropped (and counted).
    bool push(std::string_view lines);
    uint64_t dropped() const { return ring_.dropped(); }

private:
    friend class LogWriter;
    LogLane(LogWriter& writer, size_t capacity_bytes) : writer_(writer), ring_(capacity_bytes) {}

    LogWriter& writer_;
    ByteRing ring_;
};

struct LogWriterOptions {
    // After a write, lines of this long come together before the next one.
    uint32_t batch_delay_ms = 100;
    // What the lines that are left get to be written in when the writer stops.
    uint32_t flush_timeout_ms = 1'000;
    // After a failed write (a full disk, say) the sink is tried again so much later.
    uint32_t retry_delay_ms = 1'000;
    // Form of the writer's own lines, which report suppressed repeats to the first sink.
    LogFormat format = LogFormat::human;
};

struct LogWriterCounters {
    std::atomic<uint64_t> lines = 0;  // Taken from the lanes.
    std::atomic<uint64_t> write_errors = 0;
    std::atomic<uint64_t> lost_bytes = 0;  // Taken, but the sink had gone or the time was over.
};

class LogWriter {
public:
    // Names a sink of this writer.
    enum class Sink : size_t {};

    explicit LogWriter(const LogWriterOptions& options);
    // Stops it. The lanes go with it, so the shards must be gone.
    ~LogWriter();
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;

    // --- Before start(), on one thread.

    // `target` is "stdout", "stderr" or the path of a file that is appended to.
    Result<Sink> add_sink(std::string_view target);
    LogLane& add_lane(Sink sink, size_t capacity_bytes);

    // --- Afterwards.

    void start();
    // From any thread and from a signal handler: opens the files again, for log rotation.
    void reopen();
    // Writes what is left, within the flush time-out, and ends the thread. Twice does no harm.
    void stop();
    const LogWriterCounters& counters() const { return counters_; }

private:
    friend class LogLane;
    struct Outlet;
    enum class Progress : uint8_t { idle, blocked, more };

    void wake();
    void hurry();
    void run();
    void flush();
    Progress write_round(uint32_t passed_ms);
    Progress write_some(Outlet& outlet);
    Progress on_write_error(Outlet& outlet, int os_errno);
    bool has_work() const;
    void sleep_until_woken();
    void wait_for_outlets();
    void reopen_files();
    void report_suppressed(bool of_all);

    const LogWriterOptions options_;
    std::vector<std::unique_ptr<Outlet>> outlets_;
    LogWriterCounters counters_;
    // A futex; the writer sets it, whoever wakes it clears it.
    std::atomic<uint32_t> is_asleep_ = 0;
    std::atomic<uint32_t> is_hurried_ = 0;  // A futex: nothing more is waited for.
    std::atomic<bool> is_stopping_ = false;
    std::atomic<bool> wants_reopen_ = false;
    uint32_t since_report_ms_ = 0;
    std::thread thread_;
};

}  // namespace sluice
