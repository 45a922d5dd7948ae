// The text checks of the settings table.
#include "config/checks.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <limits.h>

#include "base/log_levels.h"
#include "base/result.h"
#include "base/text.h"
#include "config/nearest.h"
#include "config/processor_kinds.h"
#include "http/url.h"
#include "net/endpoint.h"
#include "pipeline/condition.h"

namespace sluice::config {

namespace {

constexpr size_t kQuotedBytesMax = 80;
constexpr size_t kPathBytesMax = 1024;  // Longer than any path of an API.
constexpr size_t kModelBytesMax = 256;

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

bool is_visible(char c) {
    return c > 0x20 && c < 0x7F;
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
    static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return is_alphanumeric(c) || kMarks.contains(c);
    });
}

bool is_ip_address(std::string_view text) {
    unsigned char bytes[sizeof(in6_addr)];
    const std::string terminated(text);  // A NUL inside ends it early, and then it does not match.
    return terminated.find('\0') == std::string::npos &&
           (inet_pton(AF_INET, terminated.c_str(), bytes) == 1 ||
            inet_pton(AF_INET6, terminated.c_str(), bytes) == 1);
}

}  // namespace

std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    append_json_escaped(result, text.substr(0, kQuotedBytesMax));
    return result + (text.size() > kQuotedBytesMax ? "...\"" : "\"");
}

std::string check_host(std::string_view text) {
    if (text == "localhost" || is_ip_address(text)) {
        return "";
    }
    return fmt::format(
        "{} is not an IP address; expected one such as \"127.0.0.1\", \"0.0.0.0\" or \"::\"",
        in_quotes(text));
}

std::string check_admin_listen(std::string_view text) {
    if (text == "off" || net::Endpoint::parse(text)) {
        return "";
    }
    return fmt::format(
        "{} is no address with a port; expected one such as \"127.0.0.1:3001\", a socket such as "
        "\"unix:/run/sluice.sock\" (at most 107 bytes), or \"off\"",
        in_quotes(text));
}

std::string check_base_url(std::string_view text) {
    if (text.empty()) {
        return "";
    }
    const Result<http::BaseUrl> url = http::parse_base_url(text);
    if (url) {
        return "";
    }
    // A URL with any of these may hold a password or a key and is not repeated.
    const bool may_be_secret = text.find_first_of("@?#") != std::string_view::npos;
    return fmt::format("{}{}; expected a URL such as \"https://api.openai.com/v1\"",
                       may_be_secret ? "" : in_quotes(text) + " is wrong: ", url.error().where);
}

std::string check_origin(std::string_view text) {
    const size_t scheme_end = std::min(text.find("://"), text.size());
    const std::string_view scheme = text.substr(0, scheme_end);
    const std::string_view rest = text.substr(std::min(scheme_end + 3, text.size()));
    const bool is_web = scheme == "http" || scheme == "https";
    if (text == "*" || (is_web && http::parse_authority(rest).has_value())) {
        return "";
    }
    return fmt::format(
        "{} is not an origin; expected \"*\", or scheme, host and port without a slash at the "
        "end, such as \"https://app.example.org\"",
        in_quotes(text));
}

std::string check_path_prefix(std::string_view text) {
    constexpr std::string_view kExpected =
        "expected an absolute path such as \"/v1/chat/completions\"";
    if (!text.starts_with('/') || text.size() > kPathBytesMax ||
        !std::ranges::all_of(text, is_visible)) {
        return fmt::format("{} is not a path; {}", in_quotes(text), kExpected);
    }
    if (text.find_first_of("?#*") != std::string_view::npos) {
        return fmt::format(
            "{} has a query, a fragment or a '*'; {}, which takes all paths below "
            "it as well",
            in_quotes(text), kExpected);
    }
    if (text.contains("//") || (text.size() > 1 && text.ends_with('/'))) {
        return fmt::format("{} has an empty segment or a slash at its end; {}", in_quotes(text),
                           kExpected);
    }
    return "";
}

std::string check_model(std::string_view text) {
    if (text.empty() || text.size() > kModelBytesMax || std::ranges::any_of(text, is_control)) {
        return fmt::format("{} is not a model name; expected 1 to {} printable characters",
                           in_quotes(text), kModelBytesMax);
    }
    if (text.substr(0, text.size() - 1).contains('*')) {
        return fmt::format(
            "{} has a '*' that is not at its end; expected a name, or a prefix "
            "such as \"gpt-4*\"",
            in_quotes(text));
    }
    return "";
}

std::string check_model_alias(std::string_view alias, std::string_view model) {
    for (const std::string_view name : {alias, model}) {
        if (std::string problem = check_model(name); !problem.empty()) {
            return problem;
        }
        if (name.contains('*')) {
            return fmt::format("{} has a '*'; expected whole model names on both sides",
                               in_quotes(name));
        }
    }
    return "";
}

std::string check_environment_name(std::string_view text) {
    const bool is_name =
        std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '_'; });
    if (text.empty() || (is_name && !(text[0] >= '0' && text[0] <= '9'))) {
        return "";
    }
    // Not quoted: most likely this is the key itself.
    return "is not the name of an environment variable (letters, digits and underscores); expected "
           "the name of the one that holds the key, such as \"OPENAI_API_KEY\", not the key";
}

std::string check_ledger_url(std::string_view text) {
    const bool has_scheme = text.starts_with("postgresql://") || text.starts_with("postgres://");
    if (!text.empty() && !has_scheme) {
        return "is not a database's URL; expected one such as "
               "\"postgresql://sluice@db.example/usage\"";
    }
    const std::string_view rest = text.substr(text.empty() ? 0 : text.find("://") + 3);
    const std::string_view authority = rest.substr(0, rest.find('/'));
    const std::string_view user = authority.substr(0, authority.find('@'));
    if ((user.size() < authority.size() && user.contains(':')) || text.contains("password=")) {
        return "carries a password, and passwords do not stand in this file; expected "
               "password_env or password_file";
    }
    return "";
}

std::string check_file_path(std::string_view text) {
    if (text.size() < PATH_MAX && !std::ranges::any_of(text, is_control)) {
        return "";
    }
    return fmt::format("is not a file path; expected less than {} bytes without control characters",
                       PATH_MAX);
}

std::string check_log_target(std::string_view text) {
    if (text.empty()) {
        return "is empty; expected \"off\", \"stdout\", \"stderr\" or the path of a file";
    }
    return check_file_path(text);
}

std::string check_log_room_level(std::string_view text) {
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
        return fmt::format("{} is no room with a level; expected one such as \"net:debug\"",
                           in_quotes(text));
    }
    const auto unknown = [](std::string_view what, std::string_view name,
                            std::span<const std::string_view> names) {
        const std::string hint = did_you_mean(name, names);
        return fmt::format(
            "{} is no {}{}", in_quotes(name), what,
            hint.empty() ? fmt::format("; expected one of {}", fmt::join(names, ", ")) : hint);
    };
    const std::string_view room = text.substr(0, colon);
    const std::string_view level = text.substr(colon + 1);
    return !LogRoom::find(room)      ? unknown("room of the log", room, kLogRooms)
           : !parse_log_level(level) ? unknown("level of the log", level, kLogLevelNames)
                                     : "";
}

std::string check_server_name(std::string_view text) {
    std::string_view name = text;
    if (name.starts_with("*.")) {
        name.remove_prefix(2);
    }
    const std::optional<http::Authority> authority = http::parse_authority(name);
    if (text.empty() ||
        (authority && authority->kind == http::HostKind::name && !authority->port)) {
        return "";
    }
    return fmt::format(
        "{} is not a host name; expected one such as \"api.example.org\" or \"*.example.org\"",
        in_quotes(text));
}

std::string check_header_value(std::string_view text) {
    const bool fits = std::ranges::all_of(text, [](char c) { return is_visible(c) || c == ' '; });
    if (fits && trim_ows(text).size() == text.size()) {
        return "";
    }
    return "cannot be the value of a header; expected printable ASCII without blanks at the ends";
}

std::string check_processor_type(std::string_view text) {
    const std::span<const std::string_view> names = processor_type_names();
    if (std::ranges::find(names, text) != names.end()) {
        return "";
    }
    const std::string hint = did_you_mean(text, names);
    return fmt::format(
        "{} is not a type of processor{}", in_quotes(text),
        hint.empty() ? fmt::format("; expected one of {}", fmt::join(names, ", ")) : hint);
}

std::string check_condition(std::string_view text) {
    const auto condition = pipeline::Condition::parse(text);
    return condition ? "" : fmt::format("is not a condition: {}", condition.error());
}

std::string check_header_name(std::string_view text) {
    return is_token(text) ? ""
                          : fmt::format(
                                "{} is not a header name; expected letters, digits and "
                                "hyphens",
                                in_quotes(text));
}

std::string check_added_header(std::string_view name, std::string_view value) {
    static constexpr std::string_view kOurs[] = {"connection",     "content-encoding",
                                                 "content-length", "content-type",
                                                 "expect",         "host",
                                                 "keep-alive",     "te",
                                                 "trailer",        "transfer-encoding",
                                                 "upgrade",        "x-request-id"};
    static constexpr std::string_view kKeys[] = {
        "authorization", "proxy-authorization", "cookie",         "set-cookie",
        "api-key",       "x-api-key",           "x-goog-api-key", "x-amz-security-token"};
    const auto is_name = [name](std::string_view other) {
        return equals_ignoring_case(name, other);
    };
    if (!is_token(name)) {
        return fmt::format("{} is not a header name; expected letters, digits and hyphens",
                           in_quotes(name));
    }
    if (std::ranges::any_of(kOurs, is_name)) {
        return fmt::format("{} is set by the gateway itself", in_quotes(name));
    }
    if (std::ranges::any_of(kKeys, is_name)) {
        return fmt::format(
            "{} carries a key, and keys do not stand in this file; use token_env "
            "or token_file",
            in_quotes(name));
    }
    const std::string problem = check_header_value(value);
    return problem.empty() ? problem : fmt::format("the value of {} {}", in_quotes(name), problem);
}

}  // namespace sluice::config
