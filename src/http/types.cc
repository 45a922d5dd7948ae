// Names of methods, versions and statuses.
#include "http/types.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "base/assert.h"

namespace sluice::http {

namespace {

// In the order of the enumerators.
constexpr std::string_view kMethodNames[] = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
};
static_assert(std::size(kMethodNames) == static_cast<size_t>(Method::other));

struct StatusName {
    uint16_t status;
    std::string_view text;
};

// Sorted by status.
constexpr StatusName kStatusNames[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
};

}  // namespace

std::string_view method_name(Method method) {
    return method == Method::other ? std::string_view() : kMethodNames[static_cast<size_t>(method)];
}

Method method_from(std::string_view text) {
    for (size_t i = 0; i < std::size(kMethodNames); ++i) {
        if (text == kMethodNames[i]) {
            return static_cast<Method>(i);
        }
    }
    return Method::other;
}

std::string_view version_name(Version version) {
    switch (version) {
        case Version::http_1_0:
            return "HTTP/1.0";
        case Version::http_1_1:
            return "HTTP/1.1";
    }
    SLUICE_UNREACHABLE();
}

std::string_view status_text(uint16_t status) {
    for (const StatusName& name : kStatusNames) {
        if (name.status == status) {
            return name.text;
        }
    }
    return {};
}

}  // namespace sluice::http
