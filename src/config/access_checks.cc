// Sums, hashes, times, patterns.
#include "config/access_checks.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "access/money.h"
#include "access/options.h"
#include "access/virtual_key.h"
#include "base/priority.h"
#include "config/checks.h"
#include "crypto/digest.h"
#include "json/rfc3339.h"

namespace sluice::config {

std::string check_dollars(std::string_view text) {
    if (text.empty() || access::parse_dollars(text)) {
        return "";
    }
    return fmt::format(
        "{} is not a sum; expected dollars from 0 to {} with at most 12 decimals, "
        "such as \"25.50\"",
        in_quotes(text), access::kDollarsMax);
}

std::string check_sha256(std::string_view text) {
    if (text.empty() || crypto::parse_sha256(text)) {
        return "";
    }
    return "is not a SHA-256; expected 64 hexadecimal digits, not the secret itself";
}

std::string check_key_field(std::string_view text) {
    return text.empty() ? "" : check_header_name(text);
}

std::string check_time(std::string_view text) {
    if (text.empty() || json::parse_rfc3339(text).value_or(0) > 0) {
        return "";
    }
    return fmt::format("{} is not a time; expected one such as \"2027-01-31T00:00:00Z\"",
                       in_quotes(text));
}

std::string check_priority(std::string_view text) {
    if (text.empty() || priority_named(text)) {
        return "";
    }
    return fmt::format("{} is no priority; expected high, normal or low", in_quotes(text));
}

std::string check_pattern(std::string_view text) {
    const bool has_control =
        std::ranges::any_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
    if (text.empty() || text.size() > access::kTextBytesMax || has_control ||
        text.substr(0, text.size() - 1).contains('*')) {
        return fmt::format("{} is wrong; expected a name, or a beginning with one '*' at its end",
                           in_quotes(text));
    }
    return "";
}

std::string check_metadata(std::string_view name, std::string_view value) {
    if (name.empty() || name.size() > access::kTextBytesMax ||
        value.size() > access::kTextBytesMax) {
        return fmt::format("is too long or has no name; expected texts of at most {} bytes",
                           access::kTextBytesMax);
    }
    return "";
}

}  // namespace sluice::config
