// ProcessLedger: the usage ledger, if there is one, the lanes that shards fill, and who reads it:
// reports of the admin API, and budgets that go on where they were.
//
// Opened before any shard runs, stopped after the last one. Control shard.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/limit_book.h"
#include "ledger/lane.h"
#include "ledger/ledger.h"
#include "net/proactor.h"
#include "server/access_control.h"
#include "server/process_logs.h"
#include "server/process_metrics.h"
#include "server/restore_budgets.h"
#include "server/runtime_config.h"
#include "server/usage_desk.h"
#include "server/usage_reader.h"

namespace sluice::server {

class ProcessLedger {
public:
    // The error is for people. `warning` gets one where the process can go on.
    std::expected<void, std::string> open(const RuntimeConfig& config,
                                          net::Proactor& control,
                                          ProcessLogs& logs,
                                          AccessControl& access,
                                          const access::Moment& moment,
                                          std::string& warning);
    // Null without a ledger.
    ledger::Lane* lane(size_t shard) { return lanes_.empty() ? nullptr : lanes_[shard]; }
    UsageDesk* usage() { return usage_ ? &*usage_ : nullptr; }
    // Budgets are there whose past nobody has read yet.
    void look_for_history(const access::Moment& moment);
    void publish(ProcessMetrics& metrics) const;
    // Writes what the shards have left.
    void stop();

    // --- The end of those who read; then the control shard may go.
    void stop_asking();
    bool is_idle() const;
    void reset();

private:
    std::unique_ptr<ledger::Ledger> ledger_;
    std::vector<ledger::Lane*> lanes_;
    std::optional<UsageReader> usage_;
    std::optional<BudgetHistory> history_;
};

}  // namespace sluice::server
