// Short ways through the chat dialect for tests: a request in, a request out; a reply in, a reply
// out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "providers/provider_error.h"

namespace sluice::providers::test {

struct Translated {
    bool refused = false;
    std::string param;    // Of the refusal,
    std::string message;  // and its words.
    std::string body;
    std::vector<std::string> dropped;
};

// Decodes a chat request and encodes it for the vendor.
Translated translate_request(std::string_view body, std::string_view vendor);

struct Received {
    std::string text;  // What the client got.
    bool failed = false;
    std::string code;
    std::string message;
};

struct ReplyOptions {
    std::string_view vendor = "openai_compatible";
    bool include_usage = true;
    bool uses_functions = false;
};

// Each of `events` is the data of one.
Received stream_reply(const std::vector<std::string>& events, const ReplyOptions& options = {});
Received whole_reply(std::string_view body, const ReplyOptions& options = {});

}  // namespace sluice::providers::test
