// The file that lists the members of a pool: TOML or JSON, written by a person or by a program that
// knows the fleet, and read again whenever it changes.
//
// A file is taken whole or not at all: half a fleet would be taken for the end of the other half.
// Pure; the control thread reads the file.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "balance/member.h"

namespace sluice::config {

inline constexpr size_t kMembersMax = 4096;
// A member with all that can be said of it takes some 200 bytes.
inline constexpr size_t kMemberFileBytesMax = 4UL * 1024 * 1024;

// "host:port", as it may stand in a URL.
bool is_member_address(std::string_view text);

// `name` is the file's, for the error, which is "NAME:LINE:COLUMN: what is wrong"; one that ends in
// ".json" is JSON.
std::expected<std::vector<balance::Member>, std::string> read_members(std::string_view name,
                                                                      std::string_view text);

}  // namespace sluice::config
