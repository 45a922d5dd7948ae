// Two forms: sections of "name = value" lines, and one JSON object.
#include "providers/aws_credentials.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/text.h"
#include "json/rfc3339.h"
#include "json/tree.h"
#include "json/unescape.h"

namespace sluice::providers {

namespace {

// When AWS's own clients renew.
constexpr int64_t kAgeingBeforeExpiryS = int64_t{15} * 60;
constexpr int64_t kStaleBeforeExpiryS = int64_t{10} * 60;

std::string_view take_line(std::string_view& text) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

// Comments stand alone on a line, or behind a blank and '#' or ';'.
std::string_view without_comment(std::string_view line) {
    for (size_t at = 0; at < line.size(); ++at) {
        const bool is_mark = line[at] == '#' || line[at] == ';';
        if (is_mark && (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t')) {
            return line.substr(0, at);
        }
    }
    return line;
}

// "[name]", or "[profile name]" as the config file has it for all but "default".
std::string_view section_name(std::string_view line) {
    constexpr std::string_view kProfile = "profile ";
    line.remove_prefix(1);
    std::string_view name = trim_ows(line.substr(0, line.find(']')));
    if (name.starts_with(kProfile)) {
        name = trim_ows(name.substr(kProfile.size()));
    }
    return name;
}

// Calls visit(name, value) for the settings of one section.
template <class Visit>
void for_each_setting(std::string_view text, std::string_view section, Visit visit) {
    bool is_inside = false;
    while (!text.empty()) {
        const std::string_view whole = take_line(text);
        const std::string_view line = trim_ows(without_comment(whole));
        if (line.empty()) {
            continue;
        }
        if (line.front() == '[') {
            is_inside = section_name(line) == section;
            continue;
        }
        // An indented line belongs to a nested setting, of which we need none.
        const bool is_nested = whole.front() == ' ' || whole.front() == '\t';
        const size_t equals = line.find('=');
        if (is_inside && !is_nested && equals != line.npos) {
            visit(trim_ows(line.substr(0, equals)), trim_ows(line.substr(equals + 1)));
        }
    }
}

// A set belongs together: the secret of one file never goes with the key of the other.
void read_profile(std::string_view text, std::string_view profile, AwsProfile& into) {
    AwsCredentials found;
    std::string_view region;
    for_each_setting(text, profile, [&](std::string_view name, std::string_view value) {
        if (name == "aws_access_key_id") {
            found.access_key_id = value;
        } else if (name == "aws_secret_access_key") {
            found.secret_access_key = Secret(value);
        } else if (name == "aws_session_token") {
            found.session_token = Secret(value);
        } else if (name == "region") {
            region = value;
        }
    });
    if (!into.credentials.is_usable() && found.is_usable()) {
        into.credentials = std::move(found);
    }
    if (into.region.empty()) {
        into.region = region;
    }
}

std::unexpected<Error> unusable(const char* where) {
    return fail(
        {.kind = ErrorKind::invalid_field, .source = ErrorSource::upstream, .where = where});
}

}  // namespace

AwsCredentials::Stage AwsCredentials::stage(int64_t now_s) const {
    if (expires_at_s == 0 || now_s < expires_at_s - kAgeingBeforeExpiryS) {
        return Stage::fresh;
    }
    return now_s < expires_at_s - kStaleBeforeExpiryS ? Stage::ageing : Stage::stale;
}

AwsProfile read_aws_profile(std::string_view credentials_file,
                            std::string_view config_file,
                            std::string_view profile) {
    AwsProfile found;
    read_profile(credentials_file, profile, found);
    read_profile(config_file, profile, found);
    return found;
}

Result<AwsCredentials> read_aws_credentials(std::string_view body, Arena& scratch) {
    TRY(const json::Value* const tree, json::Value::parse(body, scratch, ErrorSource::upstream));
    const auto text = [&](std::string_view key) {
        return json::unescape((*tree)[key].text().raw, scratch).value_or("");
    };
    // Only the instance metadata service says it.
    if (const std::string_view code = text("Code"); !code.empty() && code != "Success") {
        return unusable("the metadata service has no credentials");
    }
    AwsCredentials credentials = {.access_key_id = std::string(text("AccessKeyId")),
                                  .secret_access_key = Secret(text("SecretAccessKey")),
                                  .session_token = Secret(text("Token"))};
    if (!credentials.is_usable()) {
        return unusable("credentials without a key or a secret");
    }
    if (const std::string_view expiration = text("Expiration"); !expiration.empty()) {
        const std::optional<int64_t> expires_at_s = json::parse_rfc3339(expiration);
        if (!expires_at_s) {
            return unusable("credentials whose expiration is no time");
        }
        credentials.expires_at_s = *expires_at_s;
    }
    return credentials;
}

}  // namespace sluice::providers
