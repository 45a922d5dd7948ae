// From a regular expression to one for the beginnings of what it matches.
//
// A text that arrives in pieces may end inside a match. Where it can be told which ends of the text
// could still become one, only those need to be held back, usually a word. Pure, used when a
// configuration is compiled.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::pipeline {

// An expression for every text that is not empty and begins a match of `pattern` (RE2's syntax),
// whole matches included. It may take more, never less. Nothing for syntax that is not known here.
std::optional<std::string> open_pattern(std::string_view pattern);

}  // namespace sluice::pipeline
