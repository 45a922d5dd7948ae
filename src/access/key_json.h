// Virtual keys as JSON: the members of one key, for the file and for the admin API alike, and the
// whole of keys.json (docs/KEYS_AND_LIMITS.md has the form).
//
// Reading says everything that is wrong at once, each with the key, the member and what was
// expected. Control thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/virtual_key.h"
#include "base/arena.h"
#include "json/tree.h"
#include "json/writer.h"

namespace sluice::access {

// What is written besides what was configured.
enum class KeyDetail : uint8_t {
    public_members,  // For whoever lists keys: no hash, but where it comes from; times or null.
    everything,      // For the file.
};

// Members that a caller may set: name, tenant, models, routes, priority, limits, budget,
// expires_at, disabled, metadata. Those that are absent stay as they are in `record`; an unknown
// one is an error. Errors are phrases that begin with the member.
void read_settable(const json::Value& object,
                   Arena& arena,
                   KeyRecord& record,
                   std::vector<std::string>& errors);
void write_key(json::Writer& writer, const KeyRecord& record, KeyDetail detail);
void write_limits(json::Writer& writer, const LimitOptions& limits);
void write_budget(json::Writer& writer, const BudgetOptions& budget);

struct KeyFileContent {
    std::vector<KeyRecord> keys;
    std::vector<std::string> errors;  // "key 'ci-runner': limits.x must be ..."
};
KeyFileContent read_key_file(std::string_view text);
std::string write_key_file(const std::vector<const KeyRecord*>& keys);

std::string_view budget_period_name(BudgetPeriod period);
std::optional<BudgetPeriod> parse_budget_period(std::string_view name);

}  // namespace sluice::access
