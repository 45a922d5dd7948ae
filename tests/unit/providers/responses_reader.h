// A strict client of the Responses API: what a stream says in the end, or the first of the
// protocol's rules that it has broken.
#pragma once

#include <string>
#include <string_view>

namespace sluice::providers::test {

struct ResponseRead {
    std::string problem = {};  // Empty when every rule was kept.
    // The response in the form of the vectors' aggregates: a chat message, its finish_reason, its
    // usage. Empty when no response ended it.
    std::string json = {};
    std::string status = {};  // Of the response at the end.
    std::string error_code = {};
};

ResponseRead read_responses_stream(std::string_view stream);
// A response object that came whole.
ResponseRead read_response(std::string_view body);

}  // namespace sluice::providers::test
