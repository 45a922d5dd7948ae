// The table of vendors for readers: docs/PROVIDERS.md and the table in README.md. Made from the
// rows alone, so neither can fall behind the code.
#pragma once

#include <string>

namespace sluice::config {

// Markdown; docs/PROVIDERS.md is this text.
std::string providers_markdown();

// Vendor by feature; also stands in README.md.
std::string feature_table();

}  // namespace sluice::config
