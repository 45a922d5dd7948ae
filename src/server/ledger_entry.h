// One exchange as the ledger keeps it, made of its record.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "ledger/entry.h"
#include "pipeline/exchange_record.h"

namespace sluice::server {

// `now` and `wall_clock_ns` are the same instant. `random` makes the id unlike any other of the
// same nanosecond, whatever process makes it.
ledger::Entry ledger_entry(const pipeline::ExchangeRecord& record,
                           Instant now,
                           int64_t wall_clock_ns,
                           uint64_t random);

}  // namespace sluice::server
