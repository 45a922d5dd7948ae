// Checks of the settings that say how a provider is spoken to; see checks.h for their contract.
#pragma once

#include <string>
#include <string_view>

namespace sluice::config {

std::string check_provider(std::string_view text);
std::string check_quirk(std::string_view text);
std::string check_capability(std::string_view text);
std::string check_auth(std::string_view text);
std::string check_location(std::string_view text);
std::string check_operation_path(std::string_view operation, std::string_view path);

}  // namespace sluice::config
