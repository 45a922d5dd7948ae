// Which known name somebody probably meant: the smallest number of typing slips away.
// Pure; used for keys of the file and flags of the command line alike.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sluice::config {

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal
// string alignment). Names longer than 64 characters count as infinitely far apart.
size_t edit_distance(std::string_view a, std::string_view b);

// The nearest candidate, or "" when none is near enough to be a slip: a third of the length of what
// was written, at least one.
std::string_view nearest(std::string_view written, std::span<const std::string_view> candidates);

// `; did you mean "x"?`, or "" when nothing is near.
std::string did_you_mean(std::string_view written, std::span<const std::string_view> candidates);

}  // namespace sluice::config
