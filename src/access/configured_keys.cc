// Texts become numbers and hashes; what is not one was refused before.
#include "access/configured_keys.h"

#include <optional>
#include <utility>
#include <vector>

#include "access/money.h"
#include "access/options.h"
#include "access/virtual_key.h"
#include "crypto/digest.h"
#include "json/rfc3339.h"

namespace sluice::access {

BudgetOptions budget_of(const BudgetSettings& settings) {
    return {.hard_picodollars = parse_dollars(settings.usd).value_or(0),
            .soft_picodollars = parse_dollars(settings.soft_usd).value_or(0),
            .period = settings.period};
}

std::optional<KeyRecord> record_of(const KeyOptions& options) {
    const std::optional<crypto::Sha256> hash = crypto::parse_sha256(options.hash);
    if (!hash) {
        return std::nullopt;
    }
    return KeyRecord{.id = options.name,
                     .name = options.name,
                     .tenant = options.tenant,
                     .hash = *hash,
                     .display = options.display,
                     .models = options.models,
                     .routes = options.routes,
                     .priority = priority_named(options.priority),
                     .limits = options.limits,
                     .budget = budget_of(options.budget),
                     .expires_at_s = json::parse_rfc3339(options.expires_at).value_or(0),
                     .is_disabled = options.disabled,
                     .metadata = options.metadata,
                     .origin = KeyOrigin::configuration};
}

TenantRecord record_of(const TenantOptions& options) {
    return {.name = options.name, .limits = options.limits, .budget = budget_of(options.budget)};
}

std::vector<KeyRecord> records_of(const std::vector<KeyOptions>& keys) {
    std::vector<KeyRecord> records;
    for (const KeyOptions& key : keys) {
        if (std::optional<KeyRecord> record = record_of(key)) {
            records.push_back(*std::move(record));
        }
    }
    return records;
}

std::vector<TenantRecord> records_of(const std::vector<TenantOptions>& tenants) {
    std::vector<TenantRecord> records;
    records.reserve(tenants.size());
    for (const TenantOptions& tenant : tenants) {
        records.push_back(record_of(tenant));
    }
    return records;
}

}  // namespace sluice::access
