// In the order that budgets and lanes want.
#include "server/process_ledger.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <utility>

#include "access/limit_book.h"
#include "base/log.h"
#include "base/result.h"
#include "ledger/ledger.h"
#include "net/proactor.h"
#include "server/access_control.h"
#include "server/machine.h"
#include "server/process_logs.h"
#include "server/process_metrics.h"
#include "server/restore_budgets.h"
#include "server/runtime_config.h"

namespace sluice::server {

std::expected<void, std::string> ProcessLedger::open(const RuntimeConfig& config,
                                                     net::Proactor& control,
                                                     ProcessLogs& logs,
                                                     AccessControl& access,
                                                     const access::Moment& moment,
                                                     std::string& warning) {
    const config::Config& loaded = *config.loaded;
    if (!loaded.ledger.enabled()) {
        return {};
    }
    auto opened = ledger::Ledger::open(loaded.ledger, &logs.ledger(), LogFormat::human);
    if (!opened) {
        return std::unexpected("ledger: " + opened.error());
    }
    ledger_ = std::move(*opened);
    for (uint32_t i = 0; i < loaded.server.shards; ++i) {
        lanes_.push_back(&ledger_->add_lane());
    }
    ledger_->start();
    usage_.emplace(control, loaded.ledger);
    if (const Status made = usage_->start(); !made) {
        return std::unexpected("ledger: " + system_text(made.error()));
    }
    history_.emplace(control, access, *usage_);
    if (const auto problem = restore_budgets(access, loaded.ledger, moment)) {
        warning = "ledger: budgets begin anew, as what they have spent cannot be read: " + *problem;
    }
    return {};
}

void ProcessLedger::look_for_history(const access::Moment& moment) {
    if (history_) {
        history_->look(moment);
    }
}

void ProcessLedger::publish(ProcessMetrics& metrics) const {
    if (ledger_ != nullptr) {
        metrics.publish_ledger(*ledger_);
    }
}

void ProcessLedger::stop() {
    if (ledger_ != nullptr) {
        ledger_->stop();
    }
}

void ProcessLedger::stop_asking() {
    if (history_) {
        history_->stop();
    }
    if (usage_) {
        usage_->cancel_all();
    }
}

bool ProcessLedger::is_idle() const {
    return (!usage_ || usage_->is_idle()) && (!history_ || history_->is_idle());
}

void ProcessLedger::reset() {
    history_.reset();
    usage_.reset();
}

}  // namespace sluice::server
