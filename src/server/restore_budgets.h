// What keys and tenants have spent in the running period, read from the ledger, so that neither a
// restart nor a reload gives anybody money back.
//
// At the start it is waited for, before shards serve. Budgets that come into force while the
// gateway runs get their history a moment later, when the ledger has answered. Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "access/limit_book.h"
#include "access/scope_limits.h"
#include "coro/scope.h"
#include "coro/task.h"
#include "ledger/options.h"
#include "net/proactor.h"
#include "server/access_control.h"
#include "server/usage_desk.h"

namespace sluice::server {

// The ledger is there. Returns why it could not be read.
std::optional<std::string> restore_budgets(AccessControl& access,
                                           const ledger::LedgerOptions& ledger,
                                           const access::Moment& moment);

class BudgetHistory {
public:
    // All of them outlive it.
    BudgetHistory(net::Proactor& proactor, AccessControl& access, UsageDesk& desk)
        : proactor_(proactor), access_(access), desk_(desk), scope_(proactor.ready()) {}

    // After keys or limits have changed: asks for what budgets lack that are in force since.
    void look(const access::Moment& moment);
    // No question is asked any more; those under way end with the desk's.
    void stop() { is_stopping_ = true; }
    bool is_idle() const { return scope_.running() == 0; }

private:
    // Kind, and the beginning of the period in seconds since 1970.
    using Period = std::pair<access::ScopeKind, int64_t>;

    coro::Task<void> read(Period period, std::set<std::string> names, int64_t until_ns);
    void add(Period period, const std::set<std::string>& names, const ledger::Report& report);

    net::Proactor& proactor_;
    AccessControl& access_;
    UsageDesk& desk_;
    coro::TaskScope scope_;
    bool is_stopping_ = false;
};

}  // namespace sluice::server
