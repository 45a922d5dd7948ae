// Calls of earlier turns and the results that answer them, for dialects that want them in pairs.
//
// Lives while one request is encoded; in its arena.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "providers/canonical.h"
#include "providers/translation.h"

namespace sluice::providers {

// The calls of one turn, waiting for their results. Found by bisection, so that no history makes
// it slow.
class OpenCalls {
public:
    struct Call {
        const ToolCall* call = nullptr;
        size_t message = 0;  // Where it stands in the request.
        size_t index = 0;
        bool is_answered = false;
    };

    explicit OpenCalls(Arena& arena) : calls_(arena) {}

    void clear();
    void add(const Message& message, size_t index);
    // The call that a result with this id answers; null when there is none.
    const Call* answer(Text id);
    // One that nobody has answered; null when there is none.
    const Call* unanswered() const;

private:
    ArenaList<Call> calls_;
    bool is_sorted_ = true;
};

// Refuses a result that answers no call: `message` is where it stands.
std::unexpected<Error> refuse_stray_result(Translation& translation, size_t message);
std::unexpected<Error> refuse_unanswered(Translation& translation, const OpenCalls::Call& call);

// What the model wrote as arguments, as a JSON object: {} when it wrote nothing. Refused when it
// is none, which a reply that was cut leaves behind.
Result<std::string_view> arguments_object(const ToolCall& call,
                                          size_t message,
                                          size_t index,
                                          Translation& translation);

}  // namespace sluice::providers
