// The settings of [ledger] and [prices]: what is kept of each exchange, and what it has cost.
#include <array>
#include <string_view>

#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "ledger/options.h"
#include "providers/price_options.h"

namespace sluice::config {

namespace {

using ledger::LedgerOptions;
using providers::PriceOptions;

constexpr auto kLedgerSettings = std::to_array<Setting>({
    setting<&LedgerOptions::path>(
        "path",
        "File of the usage ledger, in SQLite's format; made when it is not there. Empty, as the "
        "URL: no ledger.")
        .check(check_file_path)
        .restart(),
    setting<&LedgerOptions::url>(
        "url",
        "Database of the usage ledger, such as \"postgresql://sluice@db.example/usage\"; without a "
        "password.")
        .check(check_ledger_url)
        .restart(),
    setting<&LedgerOptions::password_env>(
        "password_env", "Name of the environment variable that holds the database's password.")
        .check(check_environment_name)
        .restart(),
    setting<&LedgerOptions::password_file>(
        "password_file", "File that holds the database's password. A line end after it is dropped.")
        .check(check_file_path)
        .restart(),
    setting<&LedgerOptions::batch_rows_max>(
        "batch_rows_max", "Rows written in one transaction: what a crash can lose.")
        .range(1, 100'000)
        .restart(),
    setting<&LedgerOptions::batch_interval_ms>(
        "batch_interval_ms", "How long rows come together before they are written.")
        .range(0, 60'000)
        .restart(),
    setting<&LedgerOptions::queue_entries_max>(
        "queue_entries_max",
        "Entries that wait for the writer, per shard; half a kilobyte each. Above it they are "
        "dropped and counted.")
        .range(16, kCountMax)
        .restart(),
    setting<&LedgerOptions::retention_days>("retention_days",
                                            "Age at which rows are deleted. 0 keeps them for ever.")
        .range(0, 36'500)
        .restart(),
    setting<&LedgerOptions::flush_timeout_ms>(
        "flush_timeout_ms", "Time that the last rows have to be written when the process ends.")
        .range(0, kTimeMsMax)
        .restart(),
});

constexpr auto kPricesSettings = std::to_array<Setting>({
    setting<&PriceOptions::file>(
        "file",
        "Price file in LiteLLM's format, read at the start and on every reload. Its entries "
        "replace the built-in ones of the same name.")
        .check(check_file_path),
    setting<&PriceOptions::builtin>("builtin",
                                    "Whether the prices that come with the program count."),
    setting<&PriceOptions::trust_reported>(
        "trust_reported",
        "Whether the cost that an upstream reports counts instead of the computed one."),
});

}  // namespace

SectionTable ledger_section() {
    return {"[ledger]", kLedgerSettings, &defaults<LedgerOptions>};
}

SectionTable prices_section() {
    return {"[prices]", kPricesSettings, &defaults<PriceOptions>};
}

}  // namespace sluice::config
