// SqliteDatabase: a connection to a file of SQLite, closed when it dies; errors are texts.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::ledger {

class SqliteStatement {
public:
    SqliteStatement() = default;
    explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}
    sqlite3_stmt* get() const { return statement_.get(); }

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class SqliteDatabase {
public:
    enum class Access : uint8_t { read_only, read_write };

    static std::expected<SqliteDatabase, std::string> open(const std::string& path, Access access);

    // Runs statements that return nothing of interest; SQLite's result code.
    int run(const char* sql);
    std::expected<SqliteStatement, std::string> prepare(std::string_view sql);
    // Of the form of the tables; 0 in a file that has none.
    std::expected<int, std::string> user_version();
    sqlite3* get() const { return database_.get(); }
    std::string error() const;

private:
    struct Close {
        void operator()(sqlite3* database) const;
    };
    explicit SqliteDatabase(sqlite3* database) : database_(database) {}

    std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace sluice::ledger
