// Flags and environment variables whose names do not follow from a key: some of [cache], and of all
// [llm.NAME] at once, as other gateways have them. One value may stand for several settings.
//
// Constant data, readable from every thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "config/setting.h"

namespace sluice::config {

struct NamedOverride {
    Section section;  // Whose reference it stands in.
    std::string_view flag;
    std::string_view variable;
    std::string_view value_word;  // What stands for the value in the help.
    std::string_view expected;    // "a number of entries, or of bytes with a unit"
    std::string_view help;
};

std::span<const NamedOverride> named_overrides();
// By its flag; null when there is none.
const NamedOverride* find_named_override(std::string_view flag);

// What `text` means, appended to `to`. A wrong text becomes an override that is refused when it is
// applied, with everything else that is wrong.
void add_overrides(const NamedOverride& named,
                   std::string_view text,
                   const std::string& origin,
                   std::vector<Override>& to);

}  // namespace sluice::config
