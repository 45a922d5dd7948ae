// One question to the ledger for each kind of scope and each period that budgets have.
#include "server/restore_budgets.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "access/budget.h"
#include "access/limit_book.h"
#include "access/scope_limits.h"
#include "base/decimal.h"
#include "base/log.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "ledger/options.h"
#include "ledger/report.h"
#include "net/deadline.h"
#include "server/access_control.h"
#include "server/usage_desk.h"

namespace sluice::server {

namespace {

using access::ScopeKind;
using access::ScopeLimits;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kMsNs = 1'000'000;
// Of a command at the start: a database that needs longer for a sum is no reason not to serve.
constexpr uint32_t kStartTimeoutMs = 60'000;
// When the desk has no room for a question.
constexpr Duration kAskAgain = Duration::milliseconds(200);

// The sums of a kind of scope since a period began, by name.
using Spent = std::map<std::string, int64_t, std::less<>>;

// Whose spending the ledger knows.
bool is_in_ledger(const ScopeLimits& scope) {
    return scope.kind() == ScopeKind::key || scope.kind() == ScopeKind::tenant;
}

ledger::ReportQuery question_of(ScopeKind kind, int64_t since_s) {
    ledger::ReportQuery query;
    query.by = {kind == ScopeKind::key ? ledger::GroupBy::key : ledger::GroupBy::tenant};
    query.since_ns = since_s * kSecondNs;
    return query;
}

int64_t cost_of(const ledger::ReportRow& row) {
    return static_cast<int64_t>(std::min<WideInteger>(row.totals.cost_pico, INT64_MAX));
}

std::optional<std::string> read_spent(const ledger::LedgerOptions& ledger,
                                      ScopeKind kind,
                                      int64_t since_s,
                                      Spent& to) {
    auto report = ledger::make_report(ledger, question_of(kind, since_s),
                                      {.timeout_ms = kStartTimeoutMs, .may_be_absent = true});
    if (!report) {
        return std::move(report.error());
    }
    for (ledger::ReportRow& row : report->rows) {
        const int64_t cost = cost_of(row);
        to.emplace(std::move(row.group.front()), cost);
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> restore_budgets(AccessControl& access,
                                           const ledger::LedgerOptions& ledger,
                                           const access::Moment& moment) {
    std::map<std::pair<ScopeKind, int64_t>, Spent> known;
    std::optional<std::string> problem;
    access.limits().for_each([&](ScopeLimits& scope) {
        scope.budget().take_wants_history();
        if (problem || !is_in_ledger(scope) || !scope.budget().is_limited()) {
            return;
        }
        const int64_t since_s = scope.budget().status(moment.unix_s()).period_start_s;
        const auto [spent, is_new] = known.try_emplace({scope.kind(), since_s});
        if (is_new) {
            problem = read_spent(ledger, scope.kind(), since_s, spent->second);
        }
        if (const auto found = spent->second.find(scope.name()); found != spent->second.end()) {
            access.limits().restore(scope.kind(), scope.name(), since_s, found->second);
        }
    });
    return problem;
}

void BudgetHistory::look(const access::Moment& moment) {
    if (is_stopping_) {
        return;
    }
    std::map<Period, std::set<std::string>> lacking;
    access_.limits().for_each([&](ScopeLimits& scope) {
        if (scope.budget().take_wants_history() && is_in_ledger(scope)) {
            const int64_t since_s = scope.budget().status(moment.unix_s()).period_start_s;
            lacking[{scope.kind(), since_s}].insert(scope.name());
        }
    });
    for (auto& [period, names] : lacking) {
        scope_.spawn(read(period, std::move(names), moment.unix_ms * kMsNs));
    }
}

// What began before `until_ns` is not in these budgets yet; what began later is.
coro::Task<void> BudgetHistory::read(Period period, std::set<std::string> names, int64_t until_ns) {
    coro::Signal signal(proactor_.ready());
    net::Deadline pause(proactor_, signal);
    ledger::ReportQuery query = question_of(period.first, period.second);
    query.until_ns = until_ns;
    std::unique_ptr<UsageQuestion> question = desk_.ask(query, signal);
    while (question == nullptr && !is_stopping_) {
        pause.set(kAskAgain);
        co_await signal.wait();
        question = desk_.ask(query, signal);
    }
    if (question == nullptr) {
        co_return;
    }
    const std::optional<UsageAnswer>& answered = question->answer();
    while (!answered) {
        co_await signal.wait();
    }
    const UsageAnswer& report = *answered;
    if (report) {
        add(period, names, *report);
    } else if (!is_stopping_) {
        SLUICE_LOG(warning, "ledger",
                   "new budgets begin with nothing spent, as what was spent cannot be read",
                   {"budgets", names.size()}, {"reason", report.error()});
    }
}

void BudgetHistory::add(Period period,
                        const std::set<std::string>& names,
                        const ledger::Report& report) {
    for (const ledger::ReportRow& row : report.rows) {
        if (!names.contains(row.group.front())) {
            continue;
        }
        if (const access::ScopeLimitsPtr scope =
                access_.limits().find(period.first, row.group.front())) {
            scope->budget().add_history(period.second, cost_of(row));
        }
    }
}

}  // namespace sluice::server
