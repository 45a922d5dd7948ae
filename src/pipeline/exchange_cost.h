// What an exchange has cost: the usage of its record, priced.
//
// Worked out once, when the exchange is over, and earlier for whoever has to tell it sooner. Pure
// but for the record.
#pragma once

#include <cstdint>
#include <string_view>

#include "pipeline/exchange_record.h"
#include "pipeline/service.h"
#include "pipeline/snapshot.h"

namespace sluice::pipeline {

// Whether the prices of a snapshot have an entry for a model of an upstream. `asked`: as the client
// calls it.
bool has_price(const Snapshot& snapshot,
               const Service* service,
               std::string_view upstream_model,
               std::string_view asked);

// What a usage that is expected of the record's model and upstream would cost, in 10^-12 dollars; 0
// where there is no price.
int64_t expected_cost(const ExchangeRecord& record,
                      const Snapshot& snapshot,
                      const Usage& usage,
                      int64_t at_s);

// Writes the cost into the record and its extra usages. `at_s`: when the exchange began, since
// 1970.
void price_exchange(ExchangeRecord& record, const Snapshot& snapshot, int64_t at_s);

}  // namespace sluice::pipeline
