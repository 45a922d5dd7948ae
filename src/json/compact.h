// JSON without the white space between its tokens, as it is and as the inside of a string:
// arguments of tool calls, between services that send an object and those that send its text.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "json/tree.h"

namespace sluice::json {

// `json` is valid. Returned as it is when it has no white space outside of strings; otherwise the
// text is put into `arena`.
std::string_view compact(std::string_view json, Arena& arena);

// The same, escaped as the inside of a string. In `arena`.
Text compact_text(std::string_view json, Arena& arena);

}  // namespace sluice::json
