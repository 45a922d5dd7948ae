// The small words of HTTP: methods, versions, status texts (RFC 9110 sections 9 and 15).
//
// Method names are case-sensitive; a method we do not know is `other` and keeps its text in the
// head. Pure values, no owner.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

// `delete` itself is a word of the language.
enum class Method : uint8_t {
    get,
    head,
    post,
    put,
    delete_method,
    options,
    patch,
    trace,
    connect,
    other
};

enum class Version : uint8_t { http_1_0, http_1_1 };

// The exact text that stands in a request line; empty for `other`.
std::string_view method_name(Method method);
// `other` for every text that is not exactly a known name.
Method method_from(std::string_view text);

// "HTTP/1.0" or "HTTP/1.1".
std::string_view version_name(Version version);

// The reason phrase of RFC 9110 (and RFC 6585, RFC 8470); empty for a status without one.
std::string_view status_text(uint16_t status);

// Statuses outside of 100..599 are invalid on the wire (RFC 9110 section 15).
inline constexpr uint16_t kStatusMin = 100;
inline constexpr uint16_t kStatusMax = 599;

constexpr bool is_informational(uint16_t status) {
    return status >= 100 && status < 200;
}

}  // namespace sluice::http
