// Tables of text for a terminal. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "json/tree.h"

namespace sluice::server {

using Row = std::vector<std::string>;

// Characters, as a terminal shows most of them.
size_t width(std::string_view text);

// Columns as wide as their widest cell; text is not cut.
std::string table_of(std::span<const Row> rows);

// The text of a string, without the control characters that a name may have and a terminal would
// obey; "" for any other value.
std::string shown_text(const json::Value& value, Arena& arena);

}  // namespace sluice::server
