// A request as JSON, exactly as it was received: for tests of what a gateway passes on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.h"

namespace sluice::llm_mock {

// {"method", "target", "version", "headers": [[name, value], ...], "body", "body_bytes",
// "body_base64"}; `body` replaces what is no UTF-8, body_base64 keeps every byte.
std::string echo_json(const http::RequestHead& head, std::string_view body, uint64_t body_bytes);

}  // namespace sluice::llm_mock
