// What keys and tenants have spent in the running period, read from the ledger at the start, so
// that a restart gives nobody money back.
#pragma once

#include <optional>
#include <string>

#include "access/limit_book.h"
#include "ledger/options.h"
#include "server/access_control.h"

namespace sluice::server {

// On the control thread, before shards serve; the ledger is there. Returns why it could not be
// read.
std::optional<std::string> restore_budgets(AccessControl& access,
                                           const ledger::LedgerOptions& ledger,
                                           const access::Moment& moment);

}  // namespace sluice::server
