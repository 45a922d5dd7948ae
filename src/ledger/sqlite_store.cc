// Statements, and which failures are worth another try.
#include "ledger/sqlite_store.h"

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <sqlite3.h>

#include "ledger/columns.h"
#include "ledger/entry.h"
#include "ledger/sqlite_database.h"
#include "ledger/store.h"

namespace sluice::ledger {

namespace {

// FULL: a batch is on the disk when it is done, at the price of one flush a batch on a thread that
// nobody waits for (decision 21). The log is written back every 4,000 pages of 4 KiB.
constexpr const char* kPragmas =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;"
    "PRAGMA journal_size_limit = 67108864;";

std::string create_statement() {
    std::string sql = "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS " + std::string(kTable) + " (";
    for (const Column& column : columns()) {
        sql += column.is_id() ? "" : ", ";
        sql += std::string(column.name);
        sql += column.is_id()             ? " BLOB NOT NULL UNIQUE"
               : column.number != nullptr ? " INTEGER NOT NULL"
                                          : " TEXT NOT NULL";
    }
    sql += "); CREATE INDEX IF NOT EXISTS sluice_usage_started_at ON " + std::string(kTable) +
           " (started_at_ns); PRAGMA user_version = " + std::to_string(kSchemaVersion) +
           "; COMMIT;";
    return sql;
}

std::string insert_statement() {
    std::string sql =
        "INSERT OR IGNORE INTO " + std::string(kTable) + " (" + column_names() + ") VALUES (";
    for (size_t i = 0; i < columns().size(); ++i) {
        sql += i == 0 ? "?" : ", ?";
    }
    return sql + ")";
}

std::string remove_statement() {
    const std::string table(kTable);
    return "DELETE FROM " + table + " WHERE rowid IN (SELECT rowid FROM " + table +
           " WHERE started_at_ns < ? ORDER BY started_at_ns LIMIT ?)";
}

std::expected<void, std::string> make_tables(SqliteDatabase& database) {
    if (database.run(kPragmas) != SQLITE_OK) {
        return std::unexpected(database.error());
    }
    const auto version = database.user_version();
    if (!version) {
        return std::unexpected(version.error());
    }
    if (*version > kSchemaVersion) {
        return std::unexpected("was written by a later version of this program (schema " +
                               std::to_string(*version) + ")");
    }
    if (*version < kSchemaVersion && database.run(create_statement().c_str()) != SQLITE_OK) {
        std::string error = database.error();
        database.run("ROLLBACK");
        return std::unexpected(std::move(error));
    }
    return {};
}

}  // namespace

SqliteStore::SqliteStore(SqliteDatabase database, SqliteStatement insert, SqliteStatement remove)
    : database_(std::move(database)), insert_(std::move(insert)), remove_(std::move(remove)) {}

std::expected<std::unique_ptr<Store>, std::string> SqliteStore::open(const std::string& path) {
    const auto named = [&path](const std::string& reason) {
        return std::unexpected(path + ": " + reason);
    };
    auto database = SqliteDatabase::open(path, SqliteDatabase::Access::read_write);
    if (!database) {
        return named(database.error());
    }
    if (const auto made = make_tables(*database); !made) {
        return named(made.error());
    }
    auto insert = database->prepare(insert_statement());
    auto remove = database->prepare(remove_statement());
    if (!insert || !remove) {
        return named(insert ? remove.error() : insert.error());
    }
    return std::unique_ptr<Store>(
        new SqliteStore(std::move(*database), std::move(*insert), std::move(*remove)));
}

bool SqliteStore::bind(const Entry& entry) {
    sqlite3_stmt* const statement = insert_.get();
    int index = 0;
    bool fine = true;
    for (const Column& column : columns()) {
        ++index;
        int code = SQLITE_OK;
        if (column.number != nullptr) {
            code = sqlite3_bind_int64(statement, index, column.number(entry));
        } else if (column.text != nullptr) {
            const std::string_view text = clean(column.text(entry), scratch_);
            code = sqlite3_bind_text(
                statement, index, text.data(), static_cast<int>(text.size()),
                text.data() == scratch_.data() ? SQLITE_TRANSIENT : SQLITE_STATIC);
        } else {
            code = sqlite3_bind_blob(statement, index, entry.id.bytes.data(),
                                     static_cast<int>(entry.id.bytes.size()), SQLITE_STATIC);
        }
        fine = fine && code == SQLITE_OK;
    }
    return fine;
}

int SqliteStore::insert(const Entry& entry) {
    if (!bind(entry)) {
        return sqlite3_errcode(database_.get());
    }
    sqlite3_step(insert_.get());
    return sqlite3_reset(insert_.get());  // Says what the step said.
}

Written SqliteStore::failed(int code) {
    error_ = database_.error();
    sqlite3_reset(insert_.get());
    if (sqlite3_get_autocommit(database_.get()) == 0) {
        database_.run("ROLLBACK");
    }
    switch (code & 0xFF) {
        case SQLITE_MISMATCH:
        case SQLITE_TOOBIG:
        case SQLITE_CONSTRAINT:
        case SQLITE_RANGE:
        case SQLITE_MISUSE:
            return Written::refused;
        default:  // Locked, full, read-only for now, a disk that fails: another may have come by.
            return Written::later;
    }
}

Written SqliteStore::write(std::span<const Entry> entries) {
    if (const int code = database_.run("BEGIN IMMEDIATE"); code != SQLITE_OK) {
        return failed(code);
    }
    for (const Entry& entry : entries) {
        if (const int code = insert(entry); code != SQLITE_OK) {
            return failed(code);
        }
    }
    if (const int code = database_.run("COMMIT"); code != SQLITE_OK) {
        return failed(code);
    }
    return Written::done;
}

std::optional<uint32_t> SqliteStore::prune(int64_t before_ns, uint32_t rows_max) {
    sqlite3_bind_int64(remove_.get(), 1, before_ns);
    sqlite3_bind_int64(remove_.get(), 2, rows_max);
    sqlite3_step(remove_.get());
    if (sqlite3_reset(remove_.get()) != SQLITE_OK) {
        error_ = database_.error();
        return std::nullopt;
    }
    return static_cast<uint32_t>(sqlite3_changes(database_.get()));
}

}  // namespace sluice::ledger
