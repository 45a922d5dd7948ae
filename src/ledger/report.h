// What the ledger adds up to: totals, grouped by key, tenant, model, provider or day.
//
// Read from the database itself, beside the gateway that writes it; sums of money are exact.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.h"
#include "ledger/options.h"

namespace sluice::ledger {

enum class GroupBy : uint8_t { key, tenant, model, provider, day };

std::string_view group_name(GroupBy group);
std::optional<GroupBy> find_group(std::string_view name);
std::span<const std::string_view> group_names();

struct ReportQuery {
    std::vector<GroupBy> by = {};  // In this order; empty gives one row.
    // Of the beginning of an exchange: from, and before.
    std::optional<int64_t> since_ns = {};
    std::optional<int64_t> until_ns = {};
    // Exact; empty texts are no filter.
    std::string key = {};
    std::string tenant = {};
    std::string model = {};
    std::string provider = {};
};

struct Totals {
    int64_t requests = 0;
    int64_t errors = 0;
    int64_t input_tokens = 0;
    int64_t cached_tokens = 0;
    int64_t cache_write_tokens = 0;
    int64_t output_tokens = 0;
    int64_t reasoning_tokens = 0;
    WideInteger cost_pico = 0;  // Of those that have a price.
    int64_t unpriced = 0;       // Requests without a price: the cost is that much too low.
    int64_t estimated = 0;      // Requests whose tokens are an estimate.
};

struct ReportRow {
    std::vector<std::string> group;  // One text for each of `by`; a day is 2026-11-28, in UTC.
    Totals totals;
};

struct Report {
    std::vector<GroupBy> by;
    std::vector<ReportRow> rows;  // Ascending by their groups.
    Totals total;
};

// How a ledger is read.
struct ReportPatience {
    // Of one command to a server, or of the whole in SQLite: a sum over years is no command of the
    // writer's.
    uint32_t timeout_ms = 120'000;
    // Ends it early, from another thread; null: nobody does.
    const std::atomic<bool>* is_cancelled = nullptr;
    // A server on which nobody has made the tables yet has used up nothing, which is no error for
    // whoever makes them later.
    bool may_be_absent = false;
};

// `options` names the ledger. The error is one line.
std::expected<Report, std::string> make_report(const LedgerOptions& options,
                                               const ReportQuery& query,
                                               const ReportPatience& patience = {});

}  // namespace sluice::ledger
