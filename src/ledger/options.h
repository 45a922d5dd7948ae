// What can be set about the usage ledger. Plain values: filled by config/, read when it is opened.
#pragma once

#include <cstdint>
#include <string>

#include "base/secret.h"

namespace sluice::ledger {

struct LedgerOptions {
    // A file of SQLite. Empty, as `url`: no ledger, because nobody should find a growing file that
    // was not asked for.
    std::string path;
    // postgresql://user@host/database, without a password.
    std::string url;
    // Where the password of the URL's user is; one of them at most.
    std::string password_env;
    std::string password_file;
    Secret password;  // What was found there.
    // Rows of one transaction. More than this gains nothing, and is what a crash loses.
    uint32_t batch_rows_max = 1'000;
    // How long rows come together. A full queue is taken earlier.
    uint32_t batch_interval_ms = 200;
    // Entries waiting for the writer, per shard, of about half a kilobyte; above it entries are
    // dropped and counted, so that a full disk never slows a request.
    uint32_t queue_entries_max = 8'192;
    // Rows are deleted when they are this old. 0 keeps them for ever.
    uint32_t retention_days = 0;
    // What the entries that are left get to be written in when the process ends.
    uint32_t flush_timeout_ms = 5'000;

    bool enabled() const { return !path.empty() || !url.empty(); }
    bool operator==(const LedgerOptions&) const = default;
};

}  // namespace sluice::ledger
