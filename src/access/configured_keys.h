// Keys and tenants of the configuration as the store wants them. Control thread.
#pragma once

#include <optional>
#include <vector>

#include "access/options.h"
#include "access/virtual_key.h"

namespace sluice::access {

// The texts have passed the checks of the configuration.
BudgetOptions budget_of(const BudgetSettings& settings);
// Nothing for a key whose secret was not found: nobody can present it.
std::optional<KeyRecord> record_of(const KeyOptions& options);
TenantRecord record_of(const TenantOptions& options);

std::vector<KeyRecord> records_of(const std::vector<KeyOptions>& keys);
std::vector<TenantRecord> records_of(const std::vector<TenantOptions>& tenants);

}  // namespace sluice::access
