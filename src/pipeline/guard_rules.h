// From a guard's options to its rules: patterns, lists of words and presets, compiled together.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/guard_options.h"
#include "pipeline/text_rules.h"

namespace sluice::pipeline {

// The error names the rule. Configurations are checked by this, so that snapshots cannot fail.
std::expected<std::unique_ptr<TextRules>, std::string> compile_guard_rules(
    const GuardOptions& options);

// Everything of a guard's options that decides what it lets pass, as one text: two guards with the
// same text let the same pass.
std::string guard_identity(const GuardOptions& options);

// The words of a list: one a line, without blanks at the ends; empty lines and those that begin
// with '#' are left out.
std::vector<std::string> read_words(std::string_view text);

}  // namespace sluice::pipeline
