// The ledger in a file of SQLite: write-ahead log, one prepared statement, one transaction a batch.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ledger/entry.h"
#include "ledger/sqlite_database.h"
#include "ledger/store.h"

namespace sluice::ledger {

class SqliteStore final : public Store {
public:
    static std::expected<std::unique_ptr<Store>, std::string> open(const std::string& path);

    Written write(std::span<const Entry> entries) override;
    std::optional<uint32_t> prune(int64_t before_ns, uint32_t rows_max) override;
    std::string_view error() const override { return error_; }

private:
    SqliteStore(SqliteDatabase database, SqliteStatement insert, SqliteStatement remove);

    bool bind(const Entry& entry);
    int insert(const Entry& entry);
    Written failed(int code);

    SqliteDatabase database_;
    SqliteStatement insert_;
    SqliteStatement remove_;
    std::string error_;
    std::string scratch_;
};

}  // namespace sluice::ledger
