// The files of tests/data/providers: each shows, by one small exchange, what a vendor's row claims.
//
// A file either names a recorded exchange, `{"shows":["tools"],"vector":"groq/tools.json"}`, or
// holds its own: `request` must become `upstream` exactly, leaving out what `dropped` lists, and
// `reply`, where there is one, must hold `client_reply` for a chat client. Operations besides chat
// say their name and path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "providers/vendor.h"

namespace sluice::providers::test {

// Its file names, "groq/tools.json", sorted.
std::vector<std::string> capability_files(std::string_view vendor);
// The capabilities that the vendor's files show.
std::vector<std::string> shown_capabilities(std::string_view vendor);
// Runs one file; reports differences as test failures.
void check_capability_file(const std::string& name, const Vendor& vendor);

}  // namespace sluice::providers::test
