// AWS Signature Version 4 in its header form: what Bedrock wants in `authorization`.
//
//   canonical request -> string to sign -> signature, by a key derived from the secret
//
// Pure: the time is given. A signature holds for about five minutes, so every try is signed anew.
// The derived key is the same for a day and is kept by whoever holds the credentials.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "crypto/digest.h"
#include "providers/aws_credentials.h"
#include "providers/vendor.h"

namespace sluice::providers {

// What is signed. Views need only hold during the call.
struct SigV4Request {
    std::string_view method;
    // As it goes on the wire, percent-encoded once; the canonical form encodes it once more, as
    // every service but S3 wants it.
    std::string_view path;
    std::string_view query = {};  // Likewise, without the question mark.
    // All of them are signed, in any order and case: host and content-type at least, none that a
    // proxy may change. x-amz-date and x-amz-security-token are added here.
    std::span<const HeaderLine> headers = {};
    std::string_view body_sha256 = {};  // Hexadecimal, lower case.
    bool resolves_dots = true;          // "." and ".." and empty segments of the path.
};

struct SigV4Scope {
    std::string_view region;
    std::string_view service;  // "bedrock"
};

// The key that a day's requests are signed with.
class SigV4Key {
public:
    const crypto::Sha256& get(const AwsCredentials& credentials,
                              std::string_view date,
                              const SigV4Scope& scope);

private:
    std::string made_for_;
    crypto::Sha256 key_{};
};

// What has to be sent, and what it was made of. In the arena.
struct SigV4Signature {
    std::string_view authorization;
    std::string_view date_time;       // x-amz-date
    std::string_view security_token;  // x-amz-security-token; empty when there is none.
    std::string_view canonical_request;
    std::string_view string_to_sign;
};

SigV4Signature sign_sigv4(const SigV4Request& request,
                          const SigV4Scope& scope,
                          const AwsCredentials& credentials,
                          int64_t now_s,
                          SigV4Key& key,
                          Arena& arena);

}  // namespace sluice::providers
