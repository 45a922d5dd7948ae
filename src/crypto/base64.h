// Base64 (RFC 4648), both alphabets.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::crypto {

// Standard alphabet, with padding.
std::string base64(std::string_view bytes);
// URL-safe alphabet, without padding, as JWTs want it.
std::string base64url(std::string_view bytes);
// Either alphabet, padding optional; nothing for anything else, white space included.
std::optional<std::string> decode_base64(std::string_view text);
// Likewise, into `to`, which has room for as many bytes as `text` has letters; how many it were.
std::optional<size_t> decode_base64(std::string_view text, char* to);

}  // namespace sluice::crypto
