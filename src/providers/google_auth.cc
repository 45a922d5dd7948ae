// OAuth 2.0 of service accounts and users, as Google speaks it.
#include "providers/google_auth.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "crypto/base64.h"
#include "crypto/rsa.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "providers/oauth.h"

namespace sluice::providers {

namespace {

using json::Value;

constexpr std::string_view kTokenUri = "https://oauth2.googleapis.com/token";
constexpr std::string_view kScope = "https://www.googleapis.com/auth/cloud-platform";
constexpr std::string_view kJwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr int64_t kAssertionSeconds = 3600;  // The most that Google allows.

std::unexpected<Error> refuse(const char* where) {
    return fail({.kind = ErrorKind::invalid_field, .where = where});
}

std::string_view plain(const Value& value, Arena& arena) {
    return json::unescape(value.text().raw, arena).value_or(value.text().raw);
}

}  // namespace

Result<GoogleCredentials> read_google_credentials(std::string_view json, Arena& arena) {
    const auto tree = Value::parse(json, arena, ErrorSource::gateway);
    if (!tree) {
        return refuse("the file of Google credentials is not JSON");
    }
    const Value& file = **tree;
    GoogleCredentials credentials = {
        .token_uri = plain(file["token_uri"], arena),
        .project_id = plain(file["project_id"], arena),
        .client_email = plain(file["client_email"], arena),
        .private_key = plain(file["private_key"], arena),
        .private_key_id = plain(file["private_key_id"], arena),
        .client_id = plain(file["client_id"], arena),
        .client_secret = plain(file["client_secret"], arena),
        .refresh_token = plain(file["refresh_token"], arena),
    };
    if (credentials.token_uri.empty()) {
        credentials.token_uri = kTokenUri;
    }
    const json::Text type = file["type"].text();
    if (type == "service_account") {
        return credentials.client_email.empty() || credentials.private_key.empty()
                   ? Result<GoogleCredentials>(
                         refuse("a Google service account lacks client_email or private_key"))
                   : credentials;
    }
    if (type == "authorized_user") {
        credentials.private_key = {};  // Of the other type, by which it would be taken for one.
        return credentials.client_id.empty() || credentials.refresh_token.empty()
                   ? Result<GoogleCredentials>(
                         refuse("Google user credentials lack client_id or refresh_token"))
                   : credentials;
    }
    return refuse("the type of Google credentials is neither service_account nor authorized_user");
}

std::string_view google_signing_input(const GoogleCredentials& credentials,
                                      int64_t now_s,
                                      Arena& arena) {
    json::ArenaText header(arena);
    json::Writer(header)
        .begin_object()
        .key("alg")
        .string("RS256")
        .key("typ")
        .string("JWT")
        .key("kid")
        .string(credentials.private_key_id)
        .end_object();
    json::ArenaText claims(arena);
    json::Writer(claims)
        .begin_object()
        .key("iss")
        .string(credentials.client_email)
        .key("scope")
        .string(kScope)
        .key("aud")
        .string(credentials.token_uri)
        .key("iat")
        .integer(now_s)
        .key("exp")
        .integer(now_s + kAssertionSeconds)
        .end_object();
    return arena.join({crypto::base64url(header.view()), ".", crypto::base64url(claims.view())});
}

Result<std::string_view> google_token_request(const GoogleCredentials& credentials,
                                              int64_t now_s,
                                              Arena& arena) {
    json::ArenaText form(arena, 1024);
    if (!credentials.is_service_account()) {
        append_form_field(form, "grant_type", "refresh_token");
        append_form_field(form, "client_id", credentials.client_id);
        append_form_field(form, "client_secret", credentials.client_secret);
        append_form_field(form, "refresh_token", credentials.refresh_token);
        return form.view();
    }
    const std::string_view signed_text = google_signing_input(credentials, now_s, arena);
    TRY(const std::string signature, crypto::sign_rs256(credentials.private_key, signed_text));
    append_form_field(form, "grant_type", kJwtGrant);
    append_form_field(form, "assertion",
                      arena.join({signed_text, ".", crypto::base64url(signature)}));
    return form.view();
}

}  // namespace sluice::providers
