// The table of settings for readers: as a page of documentation and as the text of --help. Both
// are made from the table alone, so neither can fall behind the code.
#pragma once

#include <string>

namespace sluice::config {

// Markdown; docs/CONFIG.md is this text.
std::string reference_markdown();

// One paragraph for each flag, with its default and its environment variable.
std::string flags_help();

}  // namespace sluice::config
