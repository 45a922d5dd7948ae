// GET /v1/usage: what the ledger adds up to, as `sluice usage` says it.
//
// The database is read on a thread of its own (usage_reader.h); here it is only waited for.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "coro/task.h"
#include "json/writer.h"
#include "ledger/report.h"
#include "ledger/report_text.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "server/admin_query.h"
#include "server/usage_desk.h"
#include "server/usage_words.h"

namespace sluice::server {

namespace {

constexpr uint64_t kRowsAtOnce = 1'000;
constexpr uint64_t kRowsAtOnceMax = 10'000;

std::optional<int64_t> take_time(AdminQuery& query, std::string_view name) {
    const std::string_view value = query.text(name);
    if (value.empty()) {
        return std::nullopt;
    }
    const std::optional<int64_t> time_ns = parse_time_ns(value);
    if (!time_ns) {
        query.complain(std::string(name) +
                       " must be a time such as 2026-11-28 or 2026-11-28T12:00:00Z");
    }
    return time_ns;
}

ledger::ReportQuery take_query(AdminQuery& query) {
    ledger::ReportQuery wanted;
    wanted.by = {ledger::GroupBy::day};
    if (const std::string_view by = query.text("by"); !by.empty()) {
        auto groups = parse_groups(by);
        if (groups) {
            wanted.by = std::move(*groups);
        } else {
            query.complain("by: " + groups.error());
        }
    }
    wanted.since_ns = take_time(query, "since");
    wanted.until_ns = take_time(query, "until");
    wanted.key = query.text("key");
    wanted.tenant = query.text("tenant");
    wanted.model = query.text("model");
    wanted.provider = query.text("provider");
    return wanted;
}

}  // namespace

coro::Task<AdminAnswer> answer_usage(AdminCall& call) {
    AdminQuery query(call.query);
    ledger::ReportQuery wanted = take_query(query);
    const uint64_t rows_max = query.number("limit", kRowsAtOnce, kRowsAtOnceMax);
    if (std::optional<AdminAnswer> refusal = query.refusal()) {
        co_return *std::move(refusal);
    }
    UsageDesk* const desk = call.backend.usage();
    if (desk == nullptr) {
        co_return admin_error(503, "no_ledger", "no ledger is kept; set ledger.path or ledger.url");
    }
    const std::unique_ptr<UsageQuestion> question = desk->ask(std::move(wanted), call.signal);
    if (question == nullptr) {
        co_return admin_error(503, "busy", "the ledger is being asked by others; try again");
    }
    while (!question->answer() && !call.is_client_gone()) {
        co_await call.signal.wait();
    }
    std::optional<UsageAnswer>& answered = question->answer();
    if (!answered) {
        co_return admin_error(503, "client_left", "nobody waits for the answer");
    }
    UsageAnswer& report = *answered;
    if (!report) {
        co_return admin_error(503, "ledger_unreadable", report.error());
    }
    const size_t rows = report->rows.size();
    if (rows > rows_max) {
        report->rows.resize(rows_max);
    }
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object()
        .key("rows_total")
        .unsigned_integer(rows)
        .key("report")
        .raw(ledger::report_text(*report, ledger::ReportFormat::json))
        .end_object();
    text.finish();
    co_return answer;
}

}  // namespace sluice::server
