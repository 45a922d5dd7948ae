// The ledger in PostgreSQL: one insert a batch, whose parameters are one array per column.
//
// The connection is made when there is something to write and made anew when it broke; until then a
// batch waits, and the ledger asks again, ever later.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/entry.h"
#include "ledger/options.h"
#include "ledger/postgres_connection.h"
#include "ledger/store.h"

namespace sluice::ledger {

class PostgresStore final : public Store {
public:
    static std::expected<std::unique_ptr<Store>, std::string> open(const LedgerOptions& options);

    Written write(std::span<const Entry> entries) override;
    std::optional<uint32_t> prune(int64_t before_ns, uint32_t rows_max) override;
    std::string_view error() const override { return error_; }

private:
    explicit PostgresStore(PostgresConnection connection);

    bool make_ready();
    Written failed(const PostgresError& error);

    PostgresConnection connection_;
    const std::string insert_;
    const std::string remove_;
    std::vector<std::string> arrays_;  // One per column, in text form; kept for their memory.
    std::string error_;
    std::string scratch_;
};

}  // namespace sluice::ledger
