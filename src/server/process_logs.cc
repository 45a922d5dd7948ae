// Sinks and lanes of the process.
#include "server/process_logs.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <system_error>

#include "base/log_writer.h"
#include "base/result.h"
#include "server/options.h"

namespace sluice::server {

namespace {

constexpr size_t kApplicationLogBytesMax = size_t{256} * 1024;

}  // namespace

std::expected<void, std::string> ProcessLogs::open(const ServerOptions& options) {
    const Result<LogWriter::Sink> application = writer_.add_sink("stderr");
    if (!application) {
        return std::unexpected("standard error cannot be written to");
    }
    control_ = &writer_.add_lane(*application, kApplicationLogBytesMax);
    ledger_ = &writer_.add_lane(*application, kApplicationLogBytesMax);
    for (uint32_t i = 0; i < options.shards; ++i) {
        shards_.push_back(&writer_.add_lane(*application, kApplicationLogBytesMax));
    }
    const AccessLogOptions& access = options.access_log;
    if (access.target != "off") {
        const Result<LogWriter::Sink> sink = writer_.add_sink(access.target);
        if (!sink) {
            return std::unexpected(
                "access_log.target: " + access.target + " cannot be opened: " +
                std::error_code(sink.error().os_errno, std::generic_category()).message());
        }
        for (uint32_t i = 0; i < options.shards; ++i) {
            access_.push_back(&writer_.add_lane(*sink, access.buffer_bytes_max));
        }
    }
    writer_.start();
    return {};
}

uint64_t ProcessLogs::dropped() const {
    uint64_t dropped = control_->dropped() + ledger_->dropped();
    for (const LogLane* lane : shards_) {
        dropped += lane->dropped();
    }
    return dropped;
}

}  // namespace sluice::server
