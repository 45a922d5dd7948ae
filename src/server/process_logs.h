// ProcessLogs: the log writer and every lane of it.
//
// Opened before any shard runs, closed after the last one. Each shard has a lane of the
// application log and, when there is an access log, one of that; the control shard and the
// ledger's thread have their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/log_writer.h"
#include "server/options.h"

namespace sluice::server {

class ProcessLogs {
public:
    ProcessLogs() : writer_({}) {}

    // Opens the sinks and starts the writer. The error is a sentence for people.
    std::expected<void, std::string> open(const ServerOptions& options);
    void reopen() { writer_.reopen(); }
    void close() { writer_.stop(); }

    // --- After open().
    LogLane& control() { return *control_; }
    LogLane& ledger() { return *ledger_; }
    LogLane& shard(size_t index) { return *shards_[index]; }
    // Null when there is no access log.
    LogLane* access(size_t index) { return access_.empty() ? nullptr : access_[index]; }
    // Lines of the application log.
    uint64_t dropped() const;
    uint64_t write_errors() const { return writer_.counters().write_errors; }

private:
    LogWriter writer_;
    LogLane* control_ = nullptr;
    LogLane* ledger_ = nullptr;
    std::vector<LogLane*> shards_;
    std::vector<LogLane*> access_;
};

}  // namespace sluice::server
