// One for each database.
#include "ledger/report_source.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "ledger/columns.h"
#include "ledger/options.h"
#include "ledger/report.h"
#include "ledger/sqlite_database.h"
#ifdef SLUICE_POSTGRES
#include "ledger/postgres_connection.h"
#endif

namespace sluice::ledger {

namespace {

// tidy:allow(clock) a report has a thread of its own, or is a command; neither has a ring
using Clock = std::chrono::steady_clock;

// When a statement is to be given up.
struct Limit {
    const std::atomic<bool>* is_cancelled;  // Null: nobody cancels it.
    Clock::time_point end;
};

// Asked by SQLite every few thousand steps of a statement; not 0 ends it.
int on_progress(void* data) {
    const auto& limit = *static_cast<const Limit*>(data);
    const bool is_cancelled = limit.is_cancelled != nullptr && limit.is_cancelled->load();
    return is_cancelled || Clock::now() >= limit.end ? 1 : 0;
}
constexpr int kStepsBetweenLooks = 10'000;

class SqliteSource final : public ReportSource {
public:
    SqliteSource(SqliteDatabase database, const Limit& limit)
        : limit_(std::make_unique<Limit>(limit)), database_(std::move(database)) {
        sqlite3_progress_handler(database_.get(), kStepsBetweenLooks, &on_progress, limit_.get());
    }

    std::expected<Rows, std::string> ask(const std::string& sql,
                                         std::span<const std::string> parameters) override {
        auto prepared = database_.prepare(sql);
        if (!prepared) {
            return std::unexpected(std::move(prepared.error()));
        }
        sqlite3_stmt* const statement = prepared->get();
        int index = 0;
        for (const std::string& parameter : parameters) {
            sqlite3_bind_text(statement, ++index, parameter.data(),
                              static_cast<int>(parameter.size()), SQLITE_STATIC);
        }
        Rows rows;
        int code = sqlite3_step(statement);
        for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
            std::vector<std::string>& row = rows.emplace_back();
            for (int i = 0; i < sqlite3_column_count(statement); ++i) {
                const auto* const text =
                    reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
                row.emplace_back(text == nullptr ? "" : text);
            }
        }
        if (code != SQLITE_DONE) {
            return std::unexpected(database_.error());
        }
        return rows;
    }

private:
    const std::unique_ptr<Limit> limit_;  // Outlives the database, which looks at it.
    SqliteDatabase database_;
};

std::expected<std::unique_ptr<ReportSource>, std::string> open_sqlite(
    const std::string& path, const ReportPatience& patience) {
    auto database = SqliteDatabase::open(path, SqliteDatabase::Access::read_only);
    if (!database) {
        return std::unexpected(path + ": " + database.error());
    }
    const auto version = database->user_version();
    if (!version) {
        return std::unexpected(path + ": " + version.error());
    }
    if (*version != kSchemaVersion) {
        return std::unexpected(
            path + (*version == 0 ? ": is no ledger"
                                  : ": was written by another version of this program (schema " +
                                        std::to_string(*version) + ")"));
    }
    return std::make_unique<SqliteSource>(
        std::move(*database),
        Limit{.is_cancelled = patience.is_cancelled,
              .end = Clock::now() + std::chrono::milliseconds(patience.timeout_ms)});
}

#ifdef SLUICE_POSTGRES

class PostgresSource final : public ReportSource {
public:
    explicit PostgresSource(PostgresConnection connection) : connection_(std::move(connection)) {}

    std::expected<Rows, std::string> ask(const std::string& sql,
                                         std::span<const std::string> parameters) override {
        const auto result = connection_.run(sql.c_str(), parameters);
        if (!result) {
            return std::unexpected(result.error().text);
        }
        Rows rows;
        for (int i = 0; i < result->rows(); ++i) {
            std::vector<std::string>& row = rows.emplace_back();
            for (int j = 0; j < result->columns(); ++j) {
                row.emplace_back(result->text(i, j));
            }
        }
        return rows;
    }

private:
    PostgresConnection connection_;
};

std::expected<std::unique_ptr<ReportSource>, std::string> open_postgres(
    const LedgerOptions& options, const ReportPatience& patience) {
    auto connection = PostgresConnection::make(options.url, options.password);
    if (!connection) {
        return std::unexpected("the URL of the ledger: " + connection.error());
    }
    connection->set_patience(patience.timeout_ms, patience.is_cancelled);
    if (const auto connected = connection->connect(); !connected) {
        return std::unexpected(connected.error().text);
    }
    const auto version = connection->run("SELECT max(version) FROM sluice_usage_schema");
    if (!version) {
        // SQLSTATE of a table that does not exist.
        const bool is_absent = version.error().state == "42P01";
        if (is_absent && patience.may_be_absent) {
            return nullptr;
        }
        return std::unexpected(is_absent ? "the database has no ledger" : version.error().text);
    }
    if (version->text(0, 0) != std::to_string(kSchemaVersion)) {
        return std::unexpected("was written by another version of this program (schema " +
                               std::string(version->text(0, 0)) + ")");
    }
    return std::make_unique<PostgresSource>(std::move(*connection));
}

#endif

}  // namespace

std::expected<std::unique_ptr<ReportSource>, std::string> open_report_source(
    const LedgerOptions& options, const ReportPatience& patience) {
    if (options.url.empty()) {
        return open_sqlite(options.path, patience);
    }
#ifdef SLUICE_POSTGRES
    return open_postgres(options, patience);
#else
    return std::unexpected("PostgreSQL is not part of this build");
#endif
}

}  // namespace sluice::ledger
