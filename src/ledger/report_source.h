// ReportSource: questions to a ledger that others may be writing at the same time.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ledger/options.h"
#include "ledger/report.h"

namespace sluice::ledger {

class ReportSource {
public:
    using Rows = std::vector<std::vector<std::string>>;

    virtual ~ReportSource() = default;
    // `sql` names its parameters $1, $2, ... once each and in this order, and casts them.
    virtual std::expected<Rows, std::string> ask(const std::string& sql,
                                                 std::span<const std::string> parameters) = 0;
};

// Read-only; a ledger that does not exist is an error or, where `patience` says so, null.
std::expected<std::unique_ptr<ReportSource>, std::string> open_report_source(
    const LedgerOptions& options, const ReportPatience& patience = {});

}  // namespace sluice::ledger
