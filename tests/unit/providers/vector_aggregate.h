// What a strict client makes of a stream: the message in the end, or the first rule that the
// stream has broken.
#pragma once

#include <string>
#include <string_view>

namespace sluice::providers::test {

struct Aggregate {
    std::string json;     // The form of the vectors' `aggregate`.
    std::string problem;  // Empty when every rule was kept.
};

// Chat completions. `is_whole`: the stream must end with [DONE], else with an error event.
Aggregate aggregate_chat(std::string_view stream, bool is_whole);
// Anthropic Messages: message_stop, or an error event.
Aggregate aggregate_messages(std::string_view stream, bool is_whole);

}  // namespace sluice::providers::test
