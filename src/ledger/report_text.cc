// All three forms are made of the same cells.
#include "ledger/report_text.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.h"
#include "base/text.h"
#include "ledger/report.h"

namespace sluice::ledger {

namespace {

constexpr int kCostPlacesMin = 6;
constexpr std::string_view kGap = "  ";
constexpr std::string_view kNothing = "-";  // A group without a name, in the table.

struct TotalColumn {
    std::string_view name;
    int64_t Totals::* count;  // Null for the cost.
};

constexpr TotalColumn kTotals[] = {
    {"requests", &Totals::requests},
    {"errors", &Totals::errors},
    {"input_tokens", &Totals::input_tokens},
    {"cached_tokens", &Totals::cached_tokens},
    {"cache_write_tokens", &Totals::cache_write_tokens},
    {"output_tokens", &Totals::output_tokens},
    {"reasoning_tokens", &Totals::reasoning_tokens},
    {"cost_usd", nullptr},
    {"unpriced", &Totals::unpriced},
    {"estimated", &Totals::estimated},
};

std::string cell(const Totals& totals, const TotalColumn& column) {
    if (column.count != nullptr) {
        return std::to_string(totals.*column.count);
    }
    std::string text;
    append_scaled(text, totals.cost_pico, kPicoPlaces, kCostPlacesMin);
    return text;
}

using Cells = std::vector<std::string>;

void append_totals(Cells& to, const Totals& totals) {
    for (const TotalColumn& column : kTotals) {
        to.push_back(cell(totals, column));
    }
}

Cells heading(const Report& report) {
    Cells cells;
    for (const GroupBy group : report.by) {
        cells.emplace_back(group_name(group));
    }
    for (const TotalColumn& column : kTotals) {
        cells.emplace_back(column.name);
    }
    return cells;
}

Cells cells_of(const ReportRow& row) {
    Cells cells = row.group;
    append_totals(cells, row.totals);
    return cells;
}

// Characters, as a terminal shows most of them.
size_t width(std::string_view text) {
    return static_cast<size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0U) != 0x80U; }));
}

// Groups stand to the left, numbers to the right.
std::string table(const Report& report) {
    std::vector<Cells> lines = {heading(report)};
    for (const ReportRow& row : report.rows) {
        Cells& cells = lines.emplace_back(cells_of(row));
        for (size_t i = 0; i < report.by.size(); ++i) {
            cells[i] = cells[i].empty() ? std::string(kNothing) : cells[i];
        }
    }
    if (!report.by.empty()) {
        Cells& total = lines.emplace_back(report.by.size());
        total.front() = "total";
        append_totals(total, report.total);
    }
    std::vector<size_t> widths(lines.front().size());
    for (const Cells& cells : lines) {
        for (size_t i = 0; i < cells.size(); ++i) {
            widths[i] = std::max(widths[i], width(cells[i]));
        }
    }
    std::string text;
    for (const Cells& cells : lines) {
        for (size_t i = 0; i < cells.size(); ++i) {
            const std::string blanks(widths[i] - width(cells[i]), ' ');
            text += i == 0 ? std::string_view() : kGap;
            text += i < report.by.size() ? cells[i] + blanks : blanks + cells[i];
        }
        text += '\n';
    }
    return text;
}

// RFC 4180, with the line ends of Unix.
void append_csv(std::string& to, const Cells& cells) {
    for (size_t i = 0; i < cells.size(); ++i) {
        to += i == 0 ? "" : ",";
        if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
            to += cells[i];
            continue;
        }
        to += '"';
        for (const char c : cells[i]) {
            to += c == '"' ? "\"\"" : std::string(1, c);
        }
        to += '"';
    }
    to += '\n';
}

std::string csv(const Report& report) {
    std::string text;
    append_csv(text, heading(report));
    for (const ReportRow& row : report.rows) {
        append_csv(text, cells_of(row));
    }
    return text;
}

void append_json_totals(std::string& to, const Totals& totals) {
    bool is_first = true;
    for (const TotalColumn& column : kTotals) {
        to += is_first ? "\"" : ",\"";
        to += column.name;
        to += "\":" + cell(totals, column);
        is_first = false;
    }
}

std::string json(const Report& report) {
    std::string text = "{\"by\":[";
    for (size_t i = 0; i < report.by.size(); ++i) {
        text += i == 0 ? "\"" : ",\"";
        text += group_name(report.by[i]);
        text += '"';
    }
    text += "],\"rows\":[";
    for (const ReportRow& row : report.rows) {
        text += &row == &report.rows.front() ? "\n{" : ",\n{";
        for (size_t i = 0; i < report.by.size(); ++i) {
            text += '"' + std::string(group_name(report.by[i])) + "\":\"";
            append_json_escaped(text, row.group[i]);
            text += "\",";
        }
        append_json_totals(text, row.totals);
        text += '}';
    }
    text += "],\n\"total\":{";
    append_json_totals(text, report.total);
    return text + "}}\n";
}

}  // namespace

std::string report_text(const Report& report, ReportFormat format) {
    switch (format) {
        case ReportFormat::table:
            return table(report);
        case ReportFormat::csv:
            return csv(report);
        case ReportFormat::json:
            return json(report);
    }
    return {};
}

}  // namespace sluice::ledger
