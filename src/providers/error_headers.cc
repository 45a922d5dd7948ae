// AWS says in a header what others say in the body.
#include <string_view>

#include "http/header_map.h"
#include "providers/provider_error.h"

namespace sluice::providers {

void add_error_headers(const http::HeaderMap& headers, ErrorWords& words) {
    const http::HeaderField* const type = headers.find("x-amzn-errortype");
    if (type != nullptr && words.type.empty()) {
        // "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"
        words.type = type->value.substr(0, type->value.find(':'));
    }
}

}  // namespace sluice::providers
