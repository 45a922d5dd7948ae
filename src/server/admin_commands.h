// `sluice stats` and `sluice reload`: what a running gateway says, as text for a terminal; and what
// they share with the other commands that ask one (admin_verbs.h).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "config/environment.h"
#include "server/admin_client.h"
#include "server/cli.h"

namespace sluice::server {

CommandOutput show_stats(const CommandLine& line, const config::Environment& environment);
CommandOutput ask_reload(const CommandLine& line, const config::Environment& environment);

// The gateway at the address of the command line, else at that of the configuration. The error is
// the reason, for a person.
std::expected<AdminReply, std::string> ask_gateway(const CommandLine& line,
                                                   const config::Environment& environment,
                                                   std::string_view method,
                                                   std::string_view path,
                                                   std::string_view body = "");
// The end of the help of commands that ask it: options that they share, and exit codes.
inline constexpr std::string_view kAdminOptionsHelp = R"(  --admin ADDRESS
          Where the admin API listens; by default the configuration says it.
  -c, --config FILE
          That configuration. SLUICE_CONFIG
  --json
          The answer of the gateway as it is.
  -h, --help
          This text.

EXIT CODES
  0  done
  1  the gateway refused or did not answer
  2  the command line has a mistake
)";
// A word as a part of a path.
std::string path_segment(std::string_view text);
// What an answer that is no success says, in its own words.
std::string refusal_text(const AdminReply& reply);

// The answer of GET /v1/stats as a table. The error says what is wrong with it.
std::expected<std::string, std::string> stats_table(std::string_view json);

}  // namespace sluice::server
