// What texts of [key.NAME] and [tenant.NAME] must look like. Pure functions, named in the table of
// settings; each returns what is wrong with what was expected, or "". Empty passes, but for
// patterns.
#pragma once

#include <string>
#include <string_view>

namespace sluice::config {

std::string check_dollars(std::string_view text);
// Does not repeat the text: it may be the secret itself.
std::string check_sha256(std::string_view text);
// The name of a field that may hold a key; "" for none.
std::string check_key_field(std::string_view text);
std::string check_time(std::string_view text);
std::string check_priority(std::string_view text);
std::string check_pattern(std::string_view text);
std::string check_metadata(std::string_view name, std::string_view value);

}  // namespace sluice::config
