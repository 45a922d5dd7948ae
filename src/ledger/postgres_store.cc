// Statements, array texts, and which failures are worth another try.
#include "ledger/postgres_store.h"

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/columns.h"
#include "ledger/entry.h"
#include "ledger/options.h"
#include "ledger/postgres_connection.h"
#include "ledger/store.h"

namespace sluice::ledger {

namespace {

std::string_view type_of(const Column& column) {
    return column.is_id() ? "uuid" : column.number != nullptr ? "bigint" : "text";
}

// Gateways that start together make the tables one after the other; the number is any that nobody
// else locks.
std::string create_statement() {
    const std::string table(kTable);
    std::string sql =
        "BEGIN; SELECT pg_advisory_xact_lock(7310579600);"
        "CREATE TABLE IF NOT EXISTS " +
        table + " (";
    for (const Column& column : columns()) {
        sql += column.is_id() ? "" : ", ";
        sql += std::string(column.name) + " " + std::string(type_of(column));
        sql += column.is_id() ? " PRIMARY KEY" : " NOT NULL";
    }
    sql += "); CREATE INDEX IF NOT EXISTS sluice_usage_started_at ON " + table +
           " (started_at_ns); CREATE TABLE IF NOT EXISTS sluice_usage_schema (version bigint);"
           " INSERT INTO sluice_usage_schema SELECT " +
           std::to_string(kSchemaVersion) +
           " WHERE NOT EXISTS (SELECT 1 FROM sluice_usage_schema); COMMIT;";
    return sql;
}

std::string insert_statement() {
    std::string sql =
        "INSERT INTO " + std::string(kTable) + " (" + column_names() + ") SELECT * FROM unnest(";
    size_t index = 0;
    for (const Column& column : columns()) {
        sql += index == 0 ? "$" : ", $";
        sql += std::to_string(++index) + "::" + std::string(type_of(column)) + "[]";
    }
    return sql + ") ON CONFLICT DO NOTHING";
}

std::string remove_statement() {
    const std::string table(kTable);
    return "DELETE FROM " + table + " WHERE id IN (SELECT id FROM " + table +
           " WHERE started_at_ns < $1::bigint ORDER BY started_at_ns LIMIT $2::bigint)";
}

void append_id(std::string& to, const EntryId& id) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const uint8_t byte : id.bytes) {
        to += kDigits[byte >> 4U];
        to += kDigits[byte & 15U];
    }
}

// An element of an array in its text form.
void append_quoted(std::string& to, std::string_view text) {
    to += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            to += '\\';
        }
        to += c;
    }
    to += '"';
}

}  // namespace

PostgresStore::PostgresStore(PostgresConnection connection)
    : connection_(std::move(connection)),
      insert_(insert_statement()),
      remove_(remove_statement()),
      arrays_(columns().size()) {}

std::expected<std::unique_ptr<Store>, std::string> PostgresStore::open(
    const LedgerOptions& options) {
    auto connection = PostgresConnection::make(options.url, options.password);
    if (!connection) {
        return std::unexpected("the URL of the ledger: " + connection.error());
    }
    return std::unique_ptr<Store>(new PostgresStore(std::move(*connection)));
}

Written PostgresStore::failed(const PostgresError& error) {
    error_ = error.text;
    // What is wrong with the data stays wrong (SQLSTATE classes: data, integrity). All else, such
    // as a table that somebody is changing, a right that is missing or a disk that is full, may
    // end.
    if (error.state.starts_with("22") || error.state.starts_with("23")) {
        return Written::refused;
    }
    // The next attempt looks anew whether the tables are there, and who is the primary.
    connection_.close();
    return Written::later;
}

// Connected, with the tables there.
bool PostgresStore::make_ready() {
    if (connection_.is_open()) {
        return true;
    }
    if (const auto connected = connection_.connect(); !connected) {
        failed(connected.error());
        return false;
    }
    if (const auto made = connection_.run(create_statement().c_str()); !made) {
        failed(made.error());
        connection_.close();
        return false;
    }
    const auto version = connection_.run("SELECT max(version) FROM sluice_usage_schema");
    if (version && version->text(0, 0) == std::to_string(kSchemaVersion)) {
        return true;
    }
    error_ = version ? "the tables are of another version of this program (schema " +
                           std::string(version->text(0, 0)) + ")"
                     : version.error().text;
    connection_.close();
    return false;
}

Written PostgresStore::write(std::span<const Entry> entries) {
    if (!make_ready()) {
        return Written::later;
    }
    for (size_t i = 0; i < arrays_.size(); ++i) {
        const Column& column = columns()[i];
        std::string& array = arrays_[i];
        array = '{';
        for (const Entry& entry : entries) {
            array += array.size() == 1 ? "" : ",";
            if (column.number != nullptr) {
                array += std::to_string(column.number(entry));
            } else if (column.text != nullptr) {
                append_quoted(array, clean(column.text(entry), scratch_));
            } else {
                append_id(array, entry.id);
            }
        }
        array += '}';
    }
    const auto inserted = connection_.run(insert_.c_str(), arrays_);
    return inserted ? Written::done : failed(inserted.error());
}

std::optional<uint32_t> PostgresStore::prune(int64_t before_ns, uint32_t rows_max) {
    if (!make_ready()) {
        return std::nullopt;
    }
    const std::string parameters[] = {std::to_string(before_ns), std::to_string(rows_max)};
    const auto removed = connection_.run(remove_.c_str(), parameters);
    if (!removed) {
        failed(removed.error());
        return std::nullopt;
    }
    return removed->affected();
}

}  // namespace sluice::ledger
