// mask_secrets: a text for a log, without what looks like a key, an address or a card number.
//
// A guess by form, for people who read logs; nothing that anybody's safety rests on. Keys: a known
// beginning (sk-, AKIA, ghp_ and so on) or a long run of letters and digits mixed. Addresses:
// name@host.tld. Cards: 13 to 19 digits, in groups or not, whose check digit is right.
#pragma once

#include <string_view>

#include "base/arena.h"

namespace sluice::pipeline {

// In the arena, unless nothing had to be masked.
std::string_view mask_secrets(std::string_view text, Arena& arena);

}  // namespace sluice::pipeline
