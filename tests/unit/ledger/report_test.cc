// Totals of a ledger: groups, filters, sums beyond 64 bits, and the three forms.
#include "ledger/report.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.h"
#include "gtest/gtest.h"
#include "ledger/entry.h"
#include "ledger/report_text.h"
#include "ledger/sqlite_store.h"
#include "ledger_fixture.h"

namespace sluice::ledger {
namespace {

using test::kDayNs;
using test::kStartNs;

class ReportTest : public testing::Test {
protected:
    ReportTest() : options_(test::file_options(folder_.file("usage.db"))) {}

    Entry& add(std::string_view key, std::string_view model, int64_t day) {
        Entry entry = test::sample_entry(entries_.size());
        entry.key_id = key;
        entry.model = model;
        entry.started_at_ns = kStartNs + day * kDayNs + 5;
        entries_.push_back(entry);
        return entries_.back();
    }
    Report report(const ReportQuery& query) {
        auto store = SqliteStore::open(options_.path);
        EXPECT_TRUE(store && (*store)->write(entries_) == Written::done);
        auto made = make_report(options_, query);
        EXPECT_TRUE(made) << made.error();
        return std::move(*made);
    }
    std::string text(const ReportQuery& query, ReportFormat format) {
        return report_text(report(query), format);
    }

    test::Folder folder_;
    LedgerOptions options_;
    std::vector<Entry> entries_;
};

TEST_F(ReportTest, EndsWithItsTimeOrWhenItIsCancelled) {
    for (int i = 0; i < 5'000; ++i) {
        add("k" + std::to_string(i), "m", 0);
    }
    const ReportQuery query = {.by = {GroupBy::key}};
    EXPECT_EQ(report(query).rows.size(), 5'000U);
    const auto late = make_report(options_, query, {.timeout_ms = 0});
    ASSERT_FALSE(late);
    EXPECT_NE(late.error().find("interrupted"), std::string::npos) << late.error();
    const std::atomic<bool> is_cancelled = true;
    EXPECT_FALSE(make_report(options_, query, {.is_cancelled = &is_cancelled}));
}

TEST_F(ReportTest, AddsUpByGroupsInTheirOrder) {
    add("b", "m1", 0);
    add("a", "m2", 0);
    add("a", "m1", 1).ending = Ending::error;
    add("a", "m1", 0).is_priced = false;
    add("a", "m1", 0).is_estimated = true;
    const Report by_key = report({.by = {GroupBy::key, GroupBy::day}});
    ASSERT_EQ(by_key.rows.size(), 3U);
    EXPECT_EQ(by_key.rows[0].group, (std::vector<std::string>{"a", "2026-11-28"}));
    EXPECT_EQ(by_key.rows[1].group, (std::vector<std::string>{"a", "2026-11-29"}));
    EXPECT_EQ(by_key.rows[2].group, (std::vector<std::string>{"b", "2026-11-28"}));
    EXPECT_EQ(by_key.rows[0].totals.requests, 3);
    EXPECT_EQ(by_key.rows[0].totals.input_tokens, 300);
    EXPECT_EQ(by_key.rows[0].totals.unpriced, 1);
    EXPECT_EQ(by_key.rows[0].totals.estimated, 1);
    EXPECT_EQ(by_key.rows[1].totals.errors, 1);
    EXPECT_EQ(by_key.total.requests, 5);
    EXPECT_EQ(by_key.total.output_tokens, 50);
    EXPECT_EQ(report({.by = {GroupBy::day, GroupBy::model}}).rows.size(), 3U);
    EXPECT_EQ(report({.by = {GroupBy::provider}}).rows.size(), 1U);
    EXPECT_EQ(report({.by = {GroupBy::tenant}}).rows[0].group[0], "tenant-1");
    EXPECT_EQ(report({}).rows.size(), 1U);
}

TEST_F(ReportTest, Filters) {
    add("a", "m1", 0);
    add("a", "m2", 1);
    add("b'; DROP TABLE sluice_usage; --", "m1", 2);
    const auto requests = [this](const ReportQuery& query) { return report(query).total.requests; };
    EXPECT_EQ(requests({.key = "a"}), 2);
    EXPECT_EQ(requests({.model = "m1"}), 2);
    EXPECT_EQ(requests({.key = "a", .model = "m1"}), 1);
    EXPECT_EQ(requests({.key = "b'; DROP TABLE sluice_usage; --"}), 1);
    EXPECT_EQ(requests({.tenant = "nobody"}), 0);
    EXPECT_EQ(requests({.provider = "openai"}), 3);
    EXPECT_EQ(requests({.since_ns = kStartNs + kDayNs}), 2);
    EXPECT_EQ(requests({.until_ns = kStartNs + kDayNs}), 1);
    EXPECT_EQ(requests({.since_ns = kStartNs + 5, .until_ns = kStartNs + 6}), 1);
    EXPECT_EQ(requests({.since_ns = kStartNs + 6, .until_ns = kStartNs + 6}), 0);
}

TEST_F(ReportTest, SumsOfMoneyAreExactBeyond64Bits) {
    for (int i = 0; i < 5; ++i) {
        add("a", "m", 0).cost_pico = INT64_MAX - i;
    }
    const Report made = report({});
    EXPECT_EQ(made.total.cost_pico, static_cast<WideInteger>(INT64_MAX) * 5 - 10);
    EXPECT_TRUE(report_text(made, ReportFormat::csv).contains(",46116860.184273879025,"));
}

TEST_F(ReportTest, ATableForPeople) {
    add("", "gpt-4o", 0);
    add("Zoë", "gpt-4o", 0).cost_pico = 1'250'000'000'001;
    EXPECT_EQ(text({.by = {GroupBy::key}}, ReportFormat::table),
              "key    requests  errors  input_tokens  cached_tokens  cache_write_tokens  "
              "output_tokens  reasoning_tokens        cost_usd  unpriced  estimated\n"
              "-             1       0           100              0                   0  "
              "           10                 0        0.000350         0          0\n"
              "Zoë           1       0           100              0                   0  "
              "           10                 0  1.250000000001         0          0\n"
              "total         2       0           200              0                   0  "
              "           20                 0  1.250350000001         0          0\n");
}

TEST_F(ReportTest, CsvQuotesWhatItMust) {
    add("a,\"b\"", "m", 0);
    EXPECT_EQ(text({.by = {GroupBy::key, GroupBy::day}}, ReportFormat::csv),
              "key,day,requests,errors,input_tokens,cached_tokens,cache_write_tokens,"
              "output_tokens,reasoning_tokens,cost_usd,unpriced,estimated\n"
              "\"a,\"\"b\"\"\",2026-11-28,1,0,100,0,0,10,0,0.000350,0,0\n");
}

TEST_F(ReportTest, JsonForPrograms) {
    add("a\"", "m", 0);
    EXPECT_EQ(text({.by = {GroupBy::key}}, ReportFormat::json),
              "{\"by\":[\"key\"],\"rows\":[\n{\"key\":\"a\\\"\",\"requests\":1,\"errors\":0,"
              "\"input_tokens\":100,\"cached_tokens\":0,\"cache_write_tokens\":0,"
              "\"output_tokens\":10,\"reasoning_tokens\":0,\"cost_usd\":0.000350,\"unpriced\":0,"
              "\"estimated\":0}],\n\"total\":{\"requests\":1,\"errors\":0,\"input_tokens\":100,"
              "\"cached_tokens\":0,\"cache_write_tokens\":0,\"output_tokens\":10,"
              "\"reasoning_tokens\":0,\"cost_usd\":0.000350,\"unpriced\":0,\"estimated\":0}}\n");
    entries_.clear();
    EXPECT_TRUE(text({.by = {GroupBy::key}, .key = "x"}, ReportFormat::json)
                    .starts_with("{\"by\":[\"key\"],\"rows\":[],\n\"total\":{\"requests\":0"));
}

TEST_F(ReportTest, AnEmptyLedgerHasOneRowOfNothing) {
    const Report made = report({});
    ASSERT_EQ(made.rows.size(), 1U);
    EXPECT_EQ(made.total.requests, 0);
    EXPECT_EQ(made.total.cost_pico, 0);
}

TEST_F(ReportTest, SaysWhatIsWrongWithTheLedger) {
    const auto missing = make_report(options_, {});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error(), options_.path + ": unable to open database file");
    const auto database = SqliteDatabase::open(options_.path, SqliteDatabase::Access::read_write);
    ASSERT_TRUE(database);
    const auto other = make_report(options_, {});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error(), options_.path + ": is no ledger");
}

TEST(GroupTest, NamesAreFound) {
    for (const std::string_view name : group_names()) {
        ASSERT_TRUE(find_group(name));
        EXPECT_EQ(group_name(*find_group(name)), name);
    }
    EXPECT_FALSE(find_group("keys"));
}

}  // namespace
}  // namespace sluice::ledger
