// A plain reader of HTTP/1.1 messages for actors and checkers: slow, strict, without src/http, so
// that it can disagree with it. RFC 9112, as far as a gateway in good health would write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::sim {

struct HttpText {
    std::string first_line;
    std::vector<std::pair<std::string, std::string>> fields;  // Names in lower case.
    std::string body;                                         // Without chunk framing.
    bool is_chunked = false;
    bool is_until_close = false;

    // The value of the only field of this name; empty when there is none or there are several.
    std::string field(std::string_view name) const;
    // Second word of the first line: the target of a request, the status of a response.
    std::string second_word() const;
};

enum class ReadState : uint8_t { incomplete, complete, broken };

struct HttpRead {
    ReadState state = ReadState::incomplete;
    bool head_is_complete = false;
    size_t used_bytes = 0;  // Of the input; set when complete.
    HttpText message;       // As far as it could be read.
    std::string why;        // When broken.
};

// Reads one request from the front of `bytes`.
HttpRead read_request(std::string_view bytes);
// Reads one response; interim ones (1xx) count as responses of their own. `ended`: no more bytes
// will come. `to_head`: the request was HEAD.
HttpRead read_response(std::string_view bytes, bool ended, bool to_head = false);

}  // namespace sluice::sim
