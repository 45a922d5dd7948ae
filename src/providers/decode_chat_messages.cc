// Decoding a chat request: its messages, with the calls and reasoning of earlier turns.
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "providers/canonical.h"
#include "providers/decode_chat.h"
#include "providers/request_fields.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Text;
using json::Value;

namespace {

// Signatures are in thinking_blocks; what a service calls its own goes along in `others`.
constexpr std::array<std::string_view, 14> kKnownMembers = {
    "role",          "content",   "name",         "refusal",           "tool_calls",
    "function_call", "reasoning", "tool_call_id", "reasoning_content", "thinking_blocks",
    "cache_control", "is_error",  "annotations",  "extra_content"};

std::optional<Role> role_of(Text name) {
    if (name == "user") {
        return Role::user;
    }
    if (name == "assistant") {
        return Role::assistant;
    }
    if (name == "system") {
        return Role::system;
    }
    if (name == "developer") {
        return Role::developer;
    }
    // "function" is the tool of the API before tools.
    return name == "tool" || name == "function" ? std::optional(Role::tool) : std::nullopt;
}

class MessageDecoder {
public:
    explicit MessageDecoder(Translation& translation) : translation_(translation) {}

    Status decode(const Value& value, size_t index, Message& message);

private:
    Status decode_assistant(const Value& value, Message& message);
    Status decode_tool_calls(const Value& calls, Message& message);
    Status decode_tool_call(const Value& value, size_t index, ToolCall& call);
    Status decode_function_call(const Value& value, Message& message);
    Status decode_thinking(const Value& blocks, Message& message);
    Status decode_tool_answer(const Value& value, Message& message);
    Result<std::string_view> read_arguments(const Value& arguments, const Place& place);

    Arena& arena() { return translation_.arena(); }

    Translation& translation_;
    size_t index_ = 0;
    // Calls of the API before tools have no ids: the answer belongs to the latest call.
    Text function_call_id_ = {};
};

// A JSON text inside a string; some clients write the object itself.
Result<std::string_view> MessageDecoder::read_arguments(const Value& arguments,
                                                        const Place& place) {
    if (arguments.is_nothing() || arguments.is_object()) {
        return arguments.is_object() ? arguments.raw() : std::string_view();
    }
    if (!arguments.is_string()) {
        return wrong_type(translation_, place, "a string of JSON");
    }
    const Result<std::string_view> plain = json::unescape(arguments.text().raw, arena());
    return plain ? plain
                 : Result<std::string_view>(
                       wrong_value(translation_, place, "The string is not valid Unicode."));
}

Status MessageDecoder::decode_tool_call(const Value& value, size_t index, ToolCall& call) {
    const Value& function = value["function"];
    if (!function.is_object()) {
        return wrong_value(translation_, {"messages[#].tool_calls[#].function", index_, index},
                           "Only calls of functions can be translated.");
    }
    TRY(call.id,
        required_text(translation_, {"messages[#].tool_calls[#].id", index_, index}, value["id"]));
    TRY(call.name,
        required_text(translation_, {"messages[#].tool_calls[#].function.name", index_, index},
                      function["name"]));
    TRY(call.arguments,
        read_arguments(function["arguments"],
                       {"messages[#].tool_calls[#].function.arguments", index_, index}));
    call.signature = value["extra_content"]["google"]["thought_signature"].text();
    return {};
}

Status MessageDecoder::decode_tool_calls(const Value& calls, Message& message) {
    if (calls.is_nothing()) {
        return {};
    }
    if (!calls.is_array()) {
        return wrong_type(translation_, {"messages[#].tool_calls", index_}, "an array");
    }
    const std::span<ToolCall> decoded = arena().allocate_array<ToolCall>(calls.size());
    size_t index = 0;
    for (const Value& call : calls) {
        TRY_VOID(decode_tool_call(call, index, decoded[index]));
        ++index;
    }
    message.tool_calls = decoded;
    return {};
}

Status MessageDecoder::decode_function_call(const Value& value, Message& message) {
    if (value.is_nothing()) {
        return {};
    }
    const std::span<ToolCall> call = arena().allocate_array<ToolCall>(1);
    function_call_id_ = {translation_.path("call_function#", index_)};
    call[0].id = function_call_id_;
    TRY(call[0].name,
        required_text(translation_, {"messages[#].function_call.name", index_}, value["name"]));
    TRY(call[0].arguments,
        read_arguments(value["arguments"], {"messages[#].function_call.arguments", index_}));
    message.tool_calls = call;
    return {};
}

// Blocks that no provider could use again are passed over.
Status MessageDecoder::decode_thinking(const Value& blocks, Message& message) {
    if (!blocks.is_nothing() && !blocks.is_array()) {
        return wrong_type(translation_, {"messages[#].thinking_blocks", index_}, "an array");
    }
    ArenaList<ThinkingBlock> decoded(arena());
    for (const Value& block : blocks) {
        if (block["type"].text() == "thinking") {
            decoded.push_back(
                {.thinking = block["thinking"].text(), .signature = block["signature"].text()});
        } else if (block["type"].text() == "redacted_thinking") {
            decoded.push_back({.redacted = block["data"].text()});
        }
    }
    message.thinking = decoded.view();
    return {};
}

Status MessageDecoder::decode_assistant(const Value& value, Message& message) {
    if (!value["refusal"].is_nothing()) {
        TRY(message.refusal,
            required_text(translation_, {"messages[#].refusal", index_}, value["refusal"]));
    }
    message.reasoning = value["reasoning_content"].text();
    if (message.reasoning.empty()) {
        message.reasoning = value["reasoning"].text();
    }
    TRY_VOID(decode_thinking(value["thinking_blocks"], message));
    TRY_VOID(decode_function_call(value["function_call"], message));
    return decode_tool_calls(value["tool_calls"], message);
}

Status MessageDecoder::decode_tool_answer(const Value& value, Message& message) {
    message.is_error = value["is_error"].is_true();
    if (value["role"].text() == "function") {
        message.tool_call_id = function_call_id_;
        return {};
    }
    TRY(message.tool_call_id,
        required_text(translation_, {"messages[#].tool_call_id", index_}, value["tool_call_id"]));
    return {};
}

Status MessageDecoder::decode(const Value& value, size_t index, Message& message) {
    index_ = index;
    if (!value.is_object()) {
        return wrong_type(translation_, {"messages[#]", index}, "an object");
    }
    const std::optional<Role> role = role_of(value["role"].text());
    if (!role) {
        return wrong_value(translation_, {"messages[#].role", index},
                           "The role must be one of system, developer, user, assistant and tool.");
    }
    message.role = *role;
    TRY(message.name, optional_text(translation_, {"messages[#].name", index}, value["name"]));
    TRY(message.cache_control, optional_object(translation_, {"messages[#].cache_control", index},
                                               value["cache_control"]));
    message.others = other_members(value, kKnownMembers, arena());
    TRY_VOID(decode_chat_content(value["content"], index, translation_, message));
    if (*role == Role::assistant) {
        return decode_assistant(value, message);
    }
    return *role == Role::tool ? decode_tool_answer(value, message) : Status();
}

}  // namespace

Status decode_chat_messages(const Value& body, Translation& translation, ChatRequest& request) {
    const Value& messages = body["messages"];
    if (!messages.is_array()) {
        return wrong_type(translation, {"messages"}, "an array of messages");
    }
    if (messages.size() == 0) {
        return wrong_value(translation, {"messages"}, "There must be at least one message.");
    }
    const std::span<Message> decoded = translation.arena().allocate_array<Message>(messages.size());
    MessageDecoder decoder(translation);
    size_t index = 0;
    for (const Value& message : messages) {
        TRY_VOID(decoder.decode(message, index, decoded[index]));
        ++index;
    }
    request.messages = decoded;
    return {};
}

}  // namespace sluice::providers
