// The settings of processors that hold keys and tenants to their budgets.
#include <array>

#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/budget.h"

namespace sluice::config {

namespace {

using pipeline::BudgetOptions;

constexpr auto kBudgetSettings = std::to_array<Setting>({
    setting<&BudgetOptions::answer_tokens_default>(
        "answer_tokens_default",
        "Tokens of an answer for which the request sets no limit, for what is reserved.")
        .range(0, kCountMax),
});

}  // namespace

SectionTable processor_budget_section() {
    return {"[processor.NAME] of type \"budget\"", kBudgetSettings, &defaults<BudgetOptions>};
}

}  // namespace sluice::config
