// The words of a provider's error as clients may see them: no keys, no pages.
#pragma once

#include <string_view>

#include "base/arena.h"

namespace sluice::providers {

// `is_recognised`: the message comes from the form of an error, rather than being the whole body.
// In the arena, or static.
std::string_view message_for_clients(std::string_view message, bool is_recognised, Arena& arena);

}  // namespace sluice::providers
