// RS256 signatures (RFC 7518 section 3.3: RSASSA-PKCS1-v1_5 with SHA-256), for service accounts.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::crypto {

// Signs `bytes` with an RSA key in PEM (PKCS #8 or PKCS #1). Fails with invalid_field when the key
// cannot be read or used.
Result<std::string> sign_rs256(std::string_view private_key_pem, std::string_view bytes);

}  // namespace sluice::crypto
