// The table of all settings, by section. There is no second list of them anywhere.
//
// Constant data, readable from every thread.
#pragma once

#include <span>
#include <string_view>

#include "config/setting.h"

namespace sluice::config {

// clang-format off
inline constexpr Section kSections[] = {
    Section::server,
    Section::certificate,
    Section::admin,
    Section::llm,
    Section::pool,
    Section::pool_target,
    Section::route,
    Section::processor,
    Section::processor_authenticate,
    Section::processor_budget,
    Section::processor_cache,
    Section::processor_coalesce,
    Section::processor_cost_meter,
    Section::processor_enhancer,
    Section::processor_guard,
    Section::processor_headers,
    Section::processor_logging,
    Section::processor_rate_limit,
    Section::processor_system_prompt,
    Section::processor_transform,
    Section::processor_validation,
    Section::keys,
    Section::key,
    Section::tenant,
    Section::cache,
    Section::ledger,
    Section::prices,
    Section::traces,
};
// clang-format on

std::span<const Setting> settings(Section section);
// Null when there is none.
const Setting* find_setting(Section section, std::string_view key);

// How the section's table is written: "[server]", "[llm.NAME]" ...
std::string_view section_title(Section section);

// An options struct of the section with every default in place, to read defaults from.
const void* defaults_of(Section section);

}  // namespace sluice::config
