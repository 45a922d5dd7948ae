// Heads of requests and responses, as parsed or about to be written.
//
// All texts are views: into the received bytes, which the exchange keeps until it ends, or into
// its arena. Nothing here knows which version of HTTP carries the message.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/header_map.h"
#include "http/types.h"

namespace sluice::http {

struct RequestHead {
    Method method = Method::get;
    Version version = Version::http_1_1;
    std::string_view method_text;
    std::string_view target;     // The whole request target as it was sent.
    std::string_view authority;  // Host and port: from the Host field, or from an absolute target.
    std::string_view path;       // Begins with '/', or is "*" for OPTIONS; not decoded.
    std::string_view query;      // What follows the first '?', without it.
    HeaderMap headers;
};

struct ResponseHead {
    Version version = Version::http_1_1;
    uint16_t status = 0;
    std::string_view reason;
    HeaderMap headers;
};

}  // namespace sluice::http
