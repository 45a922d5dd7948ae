// One question, in the SQL that both databases speak.
//
// Costs are added in two parts, thousandths of a dollar and the rest: 64 bits would hold nine
// million dollars only.
#include "ledger/report.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/calendar.h"
#include "base/decimal.h"
#include "ledger/columns.h"
#include "ledger/options.h"
#include "ledger/report_source.h"

namespace sluice::ledger {

namespace {

constexpr std::string_view kGroupNames[] = {"key", "tenant", "model", "provider", "day"};
constexpr std::string_view kGroupColumns[] = {"key_id", "tenant", "model", "provider",
                                              "started_at_ns / 86400000000000"};
constexpr int64_t kPicoPerPart = 1'000'000'000;
constexpr std::string_view kSums =
    "COUNT(*), SUM(CASE WHEN ending = 'error' THEN 1 ELSE 0 END), SUM(input_tokens), "
    "SUM(cached_tokens), SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), "
    "SUM(cost_pico / 1000000000), SUM(cost_pico % 1000000000), SUM(1 - is_priced), "
    "SUM(is_estimated)";
constexpr size_t kSumCount = 11;

std::string two_digits(int64_t number) {
    return std::string(number < 10 ? "0" : "") + std::to_string(number);
}

std::string day_text(int64_t days_since_1970) {
    const Date date = date_of(days_since_1970);
    return std::to_string(date.year) + "-" + two_digits(date.month) + "-" + two_digits(date.day);
}

class Question {
public:
    explicit Question(const ReportQuery& query);
    const std::string& sql() const { return sql_; }
    std::span<const std::string> parameters() const { return parameters_; }

private:
    void require(std::string_view condition, std::string value, std::string_view type);

    std::string sql_;
    std::string conditions_;
    std::vector<std::string> parameters_;
};

void Question::require(std::string_view condition, std::string value, std::string_view type) {
    parameters_.push_back(std::move(value));
    conditions_ += conditions_.empty() ? " WHERE " : " AND ";
    conditions_ += std::string(condition) + " CAST($" + std::to_string(parameters_.size()) +
                   " AS " + std::string(type) + ")";
}

Question::Question(const ReportQuery& query) {
    if (query.since_ns) {
        require("started_at_ns >=", std::to_string(*query.since_ns), "bigint");
    }
    if (query.until_ns) {
        require("started_at_ns <", std::to_string(*query.until_ns), "bigint");
    }
    const std::pair<std::string_view, const std::string*> texts[] = {
        {"key_id =", &query.key},
        {"tenant =", &query.tenant},
        {"model =", &query.model},
        {"provider =", &query.provider}};
    for (const auto& [condition, value] : texts) {
        if (!value->empty()) {
            require(condition, *value, "text");
        }
    }
    std::string groups;
    std::string places;
    for (const GroupBy group : query.by) {
        groups += std::string(kGroupColumns[static_cast<size_t>(group)]) + ", ";
        places += (places.empty() ? "" : ", ") + std::to_string(std::ranges::count(groups, ','));
    }
    sql_ = "SELECT " + groups + std::string(kSums) + " FROM " + std::string(kTable) + conditions_;
    if (!places.empty()) {
        sql_ += " GROUP BY " + places + " ORDER BY " + places;
    }
}

int64_t number(std::string_view text) {
    int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

Totals read_totals(std::span<const std::string> sums) {
    return {
        .requests = number(sums[0]),
        .errors = number(sums[1]),
        .input_tokens = number(sums[2]),
        .cached_tokens = number(sums[3]),
        .cache_write_tokens = number(sums[4]),
        .output_tokens = number(sums[5]),
        .reasoning_tokens = number(sums[6]),
        .cost_pico = static_cast<WideInteger>(number(sums[7])) * kPicoPerPart + number(sums[8]),
        .unpriced = number(sums[9]),
        .estimated = number(sums[10]),
    };
}

void add(Totals& to, const Totals& more) {
    to.requests += more.requests;
    to.errors += more.errors;
    to.input_tokens += more.input_tokens;
    to.cached_tokens += more.cached_tokens;
    to.cache_write_tokens += more.cache_write_tokens;
    to.output_tokens += more.output_tokens;
    to.reasoning_tokens += more.reasoning_tokens;
    to.cost_pico += more.cost_pico;
    to.unpriced += more.unpriced;
    to.estimated += more.estimated;
}

}  // namespace

std::string_view group_name(GroupBy group) {
    return kGroupNames[static_cast<size_t>(group)];
}

std::optional<GroupBy> find_group(std::string_view name) {
    const auto* const found = std::ranges::find(kGroupNames, name);
    return found == std::end(kGroupNames)
               ? std::nullopt
               : std::optional(static_cast<GroupBy>(found - std::begin(kGroupNames)));
}

std::span<const std::string_view> group_names() {
    return kGroupNames;
}

std::expected<Report, std::string> make_report(const LedgerOptions& options,
                                               const ReportQuery& query,
                                               const ReportPatience& patience) {
    auto source = open_report_source(options, patience);
    if (!source) {
        return std::unexpected(std::move(source.error()));
    }
    if (*source == nullptr) {
        return Report{.by = query.by, .rows = {}, .total = {}};
    }
    const Question question(query);
    auto rows = (*source)->ask(question.sql(), question.parameters());
    if (!rows) {
        return std::unexpected(std::move(rows.error()));
    }
    Report report = {.by = query.by, .rows = {}, .total = {}};
    const size_t groups = query.by.size();
    for (std::vector<std::string>& row : *rows) {
        if (row.size() != groups + kSumCount) {
            return std::unexpected("the database gave a row of another form");
        }
        ReportRow made;
        made.totals = read_totals(std::span(row).subspan(groups));
        for (size_t i = 0; i < groups; ++i) {
            made.group.push_back(query.by[i] == GroupBy::day ? day_text(number(row[i]))
                                                             : std::move(row[i]));
        }
        add(report.total, made.totals);
        report.rows.push_back(std::move(made));
    }
    return report;
}

}  // namespace sluice::ledger
