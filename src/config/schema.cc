// The sections of the table of all settings: key, member, help, and what is particular about the
// line (range, check, whether it needs a restart). Defaults are those of the options structs.
//
// To add a setting: a member with its default and reason in the room's options.h, one line in the
// section's schema_*.cc. schema_test fails while a member has no line.
#include "config/schema.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "config/schema_table.h"
#include "config/setting.h"

namespace sluice::config {

namespace {

SectionTable table_of(Section section) {
    switch (section) {
        case Section::server:
            return server_section();
        case Section::pool:
            return pool_section();
        case Section::pool_target:
            return pool_target_section();
        case Section::certificate:
            return certificate_section();
        case Section::admin:
            return admin_section();
        case Section::llm:
            return llm_section();
        case Section::route:
            return route_section();
        case Section::processor:
            return processor_section();
        case Section::processor_authenticate:
            return processor_authenticate_section();
        case Section::processor_budget:
            return processor_budget_section();
        case Section::processor_cache:
            return processor_cache_section();
        case Section::processor_coalesce:
            return processor_coalesce_section();
        case Section::processor_cost_meter:
            return processor_cost_meter_section();
        case Section::processor_enhancer:
            return processor_enhancer_section();
        case Section::processor_guard:
            return processor_guard_section();
        case Section::processor_headers:
            return processor_headers_section();
        case Section::processor_rate_limit:
            return processor_rate_limit_section();
        case Section::keys:
            return keys_section();
        case Section::key:
            return key_section();
        case Section::tenant:
            return tenant_section();
        case Section::cache:
            return cache_section();
        case Section::processor_logging:
            return processor_logging_section();
        case Section::processor_system_prompt:
            return processor_system_prompt_section();
        case Section::processor_transform:
            return processor_transform_section();
        case Section::processor_validation:
            return processor_validation_section();
        case Section::ledger:
            return ledger_section();
        case Section::prices:
            return prices_section();
        case Section::traces:
            return traces_section();
    }
    return {};
}

}  // namespace

std::span<const Setting> settings(Section section) {
    return table_of(section).settings;
}

const Setting* find_setting(Section section, std::string_view key) {
    const std::span<const Setting> all = settings(section);
    const auto found = std::ranges::find(all, key, &Setting::key);
    return found == all.end() ? nullptr : &*found;
}

std::string_view section_title(Section section) {
    return table_of(section).title;
}

const void* defaults_of(Section section) {
    return table_of(section).defaults();
}

}  // namespace sluice::config
