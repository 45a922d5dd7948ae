// What texts in the settings of processors must look like: templates, paths into a request, edits.
// Pure functions, named in the table of settings, as those of checks.h.
#pragma once

#include <string>
#include <string_view>

namespace sluice::config {

// What pipeline::TextTemplate takes. Empty passes.
std::string check_prompt_template(std::string_view text);
// What pipeline::JsonPath takes.
std::string check_json_path(std::string_view text);
// A path and the JSON text of a value.
std::string check_json_edit(std::string_view path, std::string_view value);
// A path to a member, and its new name.
std::string check_rename(std::string_view path, std::string_view name);
// A path, and a range of numbers.
std::string check_clamp(std::string_view path, std::string_view range);

}  // namespace sluice::config
