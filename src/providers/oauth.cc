// Forms and answers of token endpoints.
#include "providers/oauth.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "providers/path_text.h"

namespace sluice::providers {

namespace {

using json::Value;

// Tokens last an hour; what claims to last longer is asked for anew all the same.
constexpr int64_t kLifetimeSecondsMax = int64_t{24} * 3600;

std::string_view plain(const Value& value, Arena& arena) {
    return json::unescape(value.text().raw, arena).value_or(value.text().raw);
}

// 0 when it is neither a number nor a string of digits.
int64_t seconds(const Value& value) {
    if (const auto number = value.integer()) {
        return *number;
    }
    return static_cast<int64_t>(parse_decimal(value.text().raw).value_or(0));
}

}  // namespace

void append_form_field(json::TextOutput& form, std::string_view name, std::string_view value) {
    if (!form.empty()) {
        form.append('&');
    }
    form.append(name);
    form.append('=');
    append_path_segment(form, value);
}

Result<OAuthToken> read_oauth_token(std::string_view body, int64_t now_s, Arena& arena) {
    const auto malformed = [] {
        return fail({.kind = ErrorKind::malformed,
                     .source = ErrorSource::upstream,
                     .where = "the token endpoint's answer is not one of OAuth"});
    };
    const auto tree = Value::parse(body, arena, ErrorSource::upstream);
    if (!tree) {
        return malformed();
    }
    const Value& answer = **tree;
    const int64_t lifetime_s = answer["expires_in"].is_present()
                                   ? seconds(answer["expires_in"])
                                   : seconds(answer["expires_on"]) - now_s;
    const OAuthToken token = {
        .access_token = plain(answer["access_token"], arena),
        .lifetime = Duration::seconds(std::clamp<int64_t>(lifetime_s, 0, kLifetimeSecondsMax)),
        .error = plain(answer["error"], arena),
        .error_description = plain(answer["error_description"], arena),
    };
    if (!token.is_granted() && token.error.empty()) {
        return malformed();
    }
    return token;
}

}  // namespace sluice::providers
