// What guards know by name: patterns of things that often should not pass, with what a pattern
// alone cannot tell (a check digit, an address). docs/processors/guard.md says what each takes.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "pipeline/text_rules.h"

namespace sluice::pipeline {

// For configurations.
std::span<const std::string_view> guard_preset_names();
// Adds the rules of a preset, which all go by its name.
void add_guard_preset(std::string_view name, std::vector<TextRule>& to);

// Luhn's check over the digits of a text, whatever stands between them.
bool passes_luhn(std::string_view text);

}  // namespace sluice::pipeline
