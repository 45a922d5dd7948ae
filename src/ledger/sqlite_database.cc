// Thin, so that the files that use it hold their statements and little else.
#include "ledger/sqlite_database.h"

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <sqlite3.h>

namespace sluice::ledger {

namespace {

// A reader of the file may hold it for a moment; a longer wait is the writer's to decide on.
constexpr int kBusyTimeoutMs = 250;

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

void SqliteDatabase::Close::operator()(sqlite3* database) const {
    sqlite3_close(database);
}

std::expected<SqliteDatabase, std::string> SqliteDatabase::open(const std::string& path,
                                                                Access access) {
    // One thread at a time uses a connection, so it needs no lock of its own.
    const int flags = SQLITE_OPEN_NOMUTEX |
                      (access == Access::read_only ? SQLITE_OPEN_READONLY
                                                   : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
    SqliteDatabase database(raw);
    if (code != SQLITE_OK) {
        return std::unexpected(raw == nullptr ? std::string(sqlite3_errstr(code))
                                              : database.error());
    }
    sqlite3_busy_timeout(raw, kBusyTimeoutMs);
    return database;
}

int SqliteDatabase::run(const char* sql) {
    return sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
}

std::expected<SqliteStatement, std::string> SqliteDatabase::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
        return std::unexpected(error());
    }
    return SqliteStatement(statement);
}

std::expected<int, std::string> SqliteDatabase::user_version() {
    auto statement = prepare("PRAGMA user_version");
    if (!statement) {
        return std::unexpected(std::move(statement.error()));
    }
    if (sqlite3_step(statement->get()) != SQLITE_ROW) {
        return std::unexpected(error());
    }
    return sqlite3_column_int(statement->get(), 0);
}

std::string SqliteDatabase::error() const {
    return sqlite3_errmsg(database_.get());
}

}  // namespace sluice::ledger
