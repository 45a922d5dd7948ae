// What a text must look like to be an address, a URL, a header and so on. Pure functions, named in
// the table of settings; each returns what is wrong with what was expected, or "".
//
// A text is repeated in the answer only where it cannot be a secret: a key pasted into the wrong
// setting must not end up in a log.
#pragma once

#include <string>
#include <string_view>

namespace sluice::config {

// `text` in quotes with control characters escaped, cut after 80 bytes.
std::string in_quotes(std::string_view text);

// A literal IPv4 or IPv6 address, or "localhost".
std::string check_host(std::string_view text);
// What http::parse_base_url takes. Empty passes.
std::string check_base_url(std::string_view text);
// "*" or what a browser sends as Origin (RFC 6454 section 6.2).
std::string check_origin(std::string_view text);
// An absolute path without query, empty segments or a slash at its end; "/" alone takes all.
std::string check_path_prefix(std::string_view text);
// A model name, or the beginning of one with '*' behind it.
std::string check_model(std::string_view text);
std::string check_model_alias(std::string_view alias, std::string_view model);
// The name of an environment variable. Empty passes.
std::string check_environment_name(std::string_view text);
// postgresql://..., without a password. Empty passes.
std::string check_ledger_url(std::string_view text);
// A path that the system can take. Empty passes.
std::string check_file_path(std::string_view text);
// "off", "stdout", "stderr" or a path.
std::string check_log_target(std::string_view text);
// "room:level" of a room that logs.
std::string check_log_room_level(std::string_view text);
// "off", an address with a port, or "unix:" and a path.
std::string check_admin_listen(std::string_view text);
// A host name, with "*." before it or not. Empty passes.
std::string check_server_name(std::string_view text);
// The value of a header field (RFC 9110 section 5.5), without quoting it. Empty passes.
std::string check_header_value(std::string_view text);
// A type of processor, by its name.
std::string check_processor_type(std::string_view text);
// What pipeline::Condition takes.
std::string check_condition(std::string_view text);
// The name of a header field (RFC 9110 section 5.1).
std::string check_header_name(std::string_view text);
// A header that may be added to upstream requests: not one that frames the message, nor one that
// carries a key.
std::string check_added_header(std::string_view name, std::string_view value);

}  // namespace sluice::config
