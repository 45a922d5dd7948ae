// One question to the ledger for each kind of scope and each period that budgets have.
#include "server/restore_budgets.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "access/budget.h"
#include "access/limit_book.h"
#include "access/scope_limits.h"
#include "base/decimal.h"
#include "ledger/options.h"
#include "ledger/report.h"
#include "server/access_control.h"

namespace sluice::server {

namespace {

using access::ScopeKind;
using access::ScopeLimits;

constexpr int64_t kSecondNs = 1'000'000'000;

// The sums of a kind of scope since a period began, by name.
using Spent = std::map<std::string, int64_t, std::less<>>;

std::optional<std::string> read_spent(const ledger::LedgerOptions& ledger,
                                      ScopeKind kind,
                                      int64_t since_s,
                                      Spent& to) {
    ledger::ReportQuery query;
    query.by = {kind == ScopeKind::key ? ledger::GroupBy::key : ledger::GroupBy::tenant};
    query.since_ns = since_s * kSecondNs;
    auto report = ledger::make_report(ledger, query, {.may_be_absent = true});
    if (!report) {
        return std::move(report.error());
    }
    for (ledger::ReportRow& row : report->rows) {
        const WideInteger cost = std::min<WideInteger>(row.totals.cost_pico, INT64_MAX);
        to.emplace(std::move(row.group.front()), static_cast<int64_t>(cost));
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
        const bool is_of_ledger =
            scope.kind() == ScopeKind::key || scope.kind() == ScopeKind::tenant;
        if (problem || !is_of_ledger || !scope.budget().is_limited()) {
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

}  // namespace sluice::server
