// The chat dialect from services: replies of OpenAI and of all who speak its API, each in its own
// way, said to the ReplyOrder in one.
//
// The readers of a reply's parts, one file each; decode_chat_reply.cc puts them together.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "json/tree.h"
#include "providers/arguments_scan.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/reply.h"

namespace sluice::providers {

struct Target;

ReplyDecoder& make_chat_decoder(ReplyOrder& order, const Target& target, Arena& arena);

// decode_chat_usage.cc: any of the forms of a usage object.
Usage read_chat_usage(const json::Value& usage);

// decode_chat_calls.cc: the tool calls of one choice, as their pieces come in.
class ChatCalls {
public:
    ChatCalls(ReplyOrder& order, Arena& arena, uint32_t choice)
        : order_(&order), arena_(&arena), calls_(arena), choice_(choice) {}

    // The `tool_calls` of a delta.
    void add_deltas(const json::Value& deltas, Arena& scratch);
    // The `tool_calls` of a message, each complete.
    void add_whole(const json::Value& calls, Arena& scratch);
    // `function_call`, the form before tools.
    void add_function(const json::Value& delta, Arena& scratch);

private:
    // What is known of a call. It is passed on once its name is; arguments before that wait.
    struct Call {
        int64_t index = -1;  // The provider's; below zero when it gives none.
        Text id = {};
        Text waiting = {};
        ArgumentsScan scan = {};
        bool has_arguments = false;
        bool is_started = false;
        uint32_t number = 0;  // The order's.
    };

    bool is_meant(const Call& call, const json::Value& delta) const;
    Call& find(const json::Value& delta);
    Call& append(const json::Value& delta);
    void take(Call& call, const json::Value& delta, Arena& scratch);
    void add_arguments(Call& call, Text fragment);

    ReplyOrder* order_;
    Arena* arena_;
    ArenaList<Call> calls_;
    uint32_t choice_;
};

}  // namespace sluice::providers
