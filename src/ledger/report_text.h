// A report as text: a table for people, CSV for spreadsheets, JSON for programs.
#pragma once

#include <cstdint>
#include <string>

#include "ledger/report.h"

namespace sluice::ledger {

enum class ReportFormat : uint8_t { table, csv, json };

// With the end of its last line. Costs are dollars with six places or as many as they have.
std::string report_text(const Report& report, ReportFormat format);

}  // namespace sluice::ledger
