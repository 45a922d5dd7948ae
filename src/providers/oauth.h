// OAuth 2.0 token endpoints (RFC 6749 sections 4.4 and 5), and those of machines that answer alike.
//
// What is asked is the vendor's: google_auth.h, entra_auth.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "base/time.h"
#include "json/writer.h"

namespace sluice::providers {

// Appends "name=value" in the form's encoding, behind a '&' where something stands before it.
void append_form_field(json::TextOutput& form, std::string_view name, std::string_view value);

struct OAuthToken {
    std::string_view access_token = {};
    Duration lifetime = {};
    // Instead of a token: the words of the refusal. "invalid_grant" may also mean that our clock
    // is wrong.
    std::string_view error = {};
    std::string_view error_description = {};

    bool is_granted() const { return !access_token.empty(); }
};

// The answer, whatever its status; texts are views into it or the arena. A lifetime is told as
// expires_in, in seconds, or as expires_on, seconds since 1970 like `now_s`; numbers may be written
// as strings. Fails with malformed when it is none.
Result<OAuthToken> read_oauth_token(std::string_view body, int64_t now_s, Arena& arena);

}  // namespace sluice::providers
