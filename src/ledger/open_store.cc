// Which database is meant.
#include <expected>
#include <memory>
#include <string>

#include "ledger/options.h"
#include "ledger/sqlite_store.h"
#include "ledger/store.h"
#ifdef SLUICE_POSTGRES
#include "ledger/postgres_store.h"
#endif

namespace sluice::ledger {

std::expected<std::unique_ptr<Store>, std::string> open_store(const LedgerOptions& options) {
    if (options.url.empty()) {
        return SqliteStore::open(options.path);
    }
    if (!options.path.empty()) {
        return std::unexpected("a path and a URL are set; the ledger is in one place");
    }
#ifdef SLUICE_POSTGRES
    return PostgresStore::open(options);
#else
    return std::unexpected("PostgreSQL is not part of this build");
#endif
}

}  // namespace sluice::ledger
