// GET /v1/limits: what is left of every limit, in flight and spent, scope by scope.
//
// Read from the records that the shards count in; nobody is asked and nothing is taken. Scopes
// without any limit are left out: nothing is counted for them.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access/budget.h"
#include "access/gcra.h"
#include "access/key_json.h"
#include "access/limit_book.h"
#include "access/money.h"
#include "access/scope_limits.h"
#include "coro/task.h"
#include "json/rfc3339.h"
#include "json/writer.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "server/admin_query.h"

namespace sluice::server {

namespace {

constexpr uint64_t kScopesAtOnce = 100;
constexpr uint64_t kScopesAtOnceMax = 1'000;

void write_rates(json::Writer& writer,
                 const access::ScopeLimits& scope,
                 const access::Moment& moment) {
    writer.begin_array();
    for (size_t i = 0; i < access::kRateCount; ++i) {
        const auto name = static_cast<access::LimitName>(i);
        if (!scope.rate(name).is_limited()) {
            continue;
        }
        const access::RateAnswer rate = scope.rate(name).peek(moment.now, 0);
        writer.begin_object()
            .key("name")
            .string(access::limit_name(name))
            .key("limit")
            .integer(rate.limit)
            .key("remaining")
            .integer(rate.remaining)
            .key("reset_after_seconds")
            .number(rate.reset_after.as_seconds())
            .end_object();
    }
    writer.end_array();
}

void write_sum(json::Writer& writer, std::string_view key, int64_t picodollars, bool is_set) {
    writer.key(key);
    if (is_set) {
        writer.raw(access::format_dollars(picodollars));
    } else {
        writer.null();
    }
}

void write_money(json::Writer& writer, access::Budget& budget, const access::Moment& moment) {
    const access::BudgetStatus money = budget.status(moment.unix_s());
    const int64_t hard = money.options.hard_picodollars;
    const int64_t left = hard - money.spent_picodollars - money.reserved_picodollars;
    writer.begin_object();
    write_sum(writer, "usd", hard, hard > 0);
    write_sum(writer, "soft_usd", money.options.soft_picodollars,
              money.options.soft_picodollars > 0);
    write_sum(writer, "spent_usd", money.spent_picodollars, true);
    write_sum(writer, "reserved_usd", money.reserved_picodollars, true);
    write_sum(writer, "remaining_usd", left > 0 ? left : 0, hard > 0);
    writer.key("period").string(access::budget_period_name(money.options.period));
    writer.key("period_ends_at");
    if (money.period_end_s == INT64_MAX) {
        writer.null();
    } else {
        std::string time;
        json::StringText output(time);
        json::append_rfc3339(output, money.period_end_s);
        output.finish();
        writer.string(time);
    }
    writer.end_object();
}

void write_scope(json::Writer& writer,
                 access::ScopeLimits& scope,
                 std::string_view processor,
                 const access::Moment& moment) {
    writer.begin_object()
        .key("scope")
        .string(access::scope_kind_name(scope.kind()))
        .key("name")
        .string(scope.name())
        .key("processor")
        .string(processor)
        .key("rates");
    write_rates(writer, scope, moment);
    writer.key("in_flight").integer(scope.concurrency().in_flight()).key("concurrency_max");
    if (scope.concurrency().is_limited()) {
        writer.integer(scope.concurrency().max());
    } else {
        writer.null();
    }
    writer.key("budget");
    if (scope.budget().is_limited()) {
        write_money(writer, scope.budget(), moment);
    } else {
        writer.null();
    }
    writer.end_object();
}

}  // namespace

coro::Task<AdminAnswer> answer_limits(AdminCall& call) {
    AdminQuery query(call.query);
    const std::string_view kind = query.text("scope");
    const std::string_view name = query.text("name");
    const AdminPage page = query.page(kScopesAtOnce, kScopesAtOnceMax);
    if (std::optional<AdminAnswer> refusal = query.refusal()) {
        co_return *std::move(refusal);
    }
    const access::Moment moment = call.backend.moment();
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object().key("scopes").begin_array();
    uint64_t count = 0;
    call.backend.access().for_each_scope(
        [&](access::ScopeLimits& scope, std::string_view processor) {
            const bool is_asked_for = scope.limits_in_force() != 0 &&
                                      (kind.empty() || kind == scope_kind_name(scope.kind())) &&
                                      (name.empty() || name == scope.name());
            if (is_asked_for && page.holds(count++)) {
                write_scope(writer, scope, processor, moment);
            }
        });
    writer.end_array().key("total").unsigned_integer(count).end_object();
    text.finish();
    co_return answer;
}

}  // namespace sluice::server
