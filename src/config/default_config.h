// What the gateway serves when no file is named: OpenAI when a key is at hand, else its own
// simulator. Two ordinary configuration texts, loaded like any file.
#pragma once

#include <string_view>

namespace sluice::config {

// The variable whose presence decides.
inline constexpr const char* kDefaultKeyVariable = "OPENAI_API_KEY";

// Messages call the text by this name.
inline constexpr std::string_view kDefaultConfigName = "(built-in configuration)";

std::string_view default_config_text(bool has_key);

}  // namespace sluice::config
