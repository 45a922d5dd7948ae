// Access tokens for Google's services: what is sent to the token endpoint.
//
// A service account signs a claim with its key (RFC 7523) and gets a token for an hour in return; a
// user's file holds a refresh token instead. The exchange itself, and keeping tokens until they
// are nearly old, is the pipeline's business.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"

namespace sluice::providers {

// The file that GOOGLE_APPLICATION_CREDENTIALS names. Plain texts.
struct GoogleCredentials {
    std::string_view token_uri = {};
    std::string_view project_id = {};
    // type service_account
    std::string_view client_email = {};
    std::string_view private_key = {};  // PEM
    std::string_view private_key_id = {};
    // type authorized_user
    std::string_view client_id = {};
    std::string_view client_secret = {};
    std::string_view refresh_token = {};

    bool is_service_account() const { return !private_key.empty(); }
};

// Views into `json` or the arena. Fails with invalid_field, whose `where` is for the person who
// wrote the configuration.
Result<GoogleCredentials> read_google_credentials(std::string_view json, Arena& arena);

// The form that is posted to token_uri, as application/x-www-form-urlencoded; for a service
// account with an assertion that is valid for an hour from `now_s`, seconds since 1970. Fails with
// invalid_field when the key cannot sign.
Result<std::string_view> google_token_request(const GoogleCredentials& credentials,
                                              int64_t now_s,
                                              Arena& arena);

// What a service account signs: "header.claims", both in URL-safe base64.
std::string_view google_signing_input(const GoogleCredentials& credentials,
                                      int64_t now_s,
                                      Arena& arena);

}  // namespace sluice::providers
