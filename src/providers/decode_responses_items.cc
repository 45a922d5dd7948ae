// Decoding a Responses request: its items as messages.
//
// Items are finer than messages: what the model said, and each call it made, are items of their
// own, and here become one message of the assistant. Reasoning goes along as a text; what is
// encrypted only its own service could read.
#include <algorithm>
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
#include "providers/request_fields.h"
#include "providers/responses_input.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Text;
using json::Value;

namespace {

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
    return name == "developer" ? std::optional(Role::developer) : std::nullopt;
}

class ItemReader {
public:
    explicit ItemReader(Translation& translation)
        : translation_(translation), messages_(translation.arena()), calls_(translation.arena()) {}

    void add_plain(Role role, Text text);
    Status read(const Value& item, size_t index);
    std::span<const Message> messages() {
        end_calls();
        return messages_.view();
    }

private:
    Status read_message(const Value& item, size_t index);
    Status read_call(const Value& item, size_t index);
    Status read_output(const Value& item, size_t index);
    void read_reasoning(const Value& item);
    void add_to_latest(const Message& more);
    void end_calls();

    Arena& arena() { return translation_.arena(); }

    Translation& translation_;
    ArenaList<Message> messages_;
    ArenaList<ToolCall> calls_;  // Of the latest message, which may get more of them.
    Text reasoning_;             // Before the message that it belongs to.
};

void ItemReader::add_plain(Role role, Text text) {
    const std::span<Part> parts = arena().allocate_array<Part>(1);
    parts[0].text = text;
    messages_.push_back({.role = role, .parts = parts, .is_plain = true});
}

void ItemReader::end_calls() {
    if (!calls_.empty()) {
        const std::span<ToolCall> calls = arena().allocate_array<ToolCall>(calls_.size());
        std::ranges::copy(calls_.view(), calls.begin());
        messages_.back().tool_calls = calls;
        calls_.clear();
    }
}

// The model spoke after it had made calls that nobody has answered yet: the same turn.
void ItemReader::add_to_latest(const Message& more) {
    Message& latest = messages_.back();
    const std::span<Part> parts =
        arena().allocate_array<Part>(latest.parts.size() + more.parts.size());
    const auto end = std::ranges::copy(latest.parts, parts.begin()).out;
    std::ranges::copy(more.parts, end);
    latest.is_plain = latest.parts.empty() && more.is_plain;
    latest.parts = parts;
    latest.refusal = latest.refusal.empty() ? more.refusal : latest.refusal;
}

Status ItemReader::read_message(const Value& item, size_t index) {
    const std::optional<Role> role = role_of(item["role"].text());
    if (!role) {
        return wrong_value(translation_, {"input[#].role", index},
                           "The role must be one of user, assistant, system and developer.");
    }
    Message message = {.role = *role};
    TRY_VOID(read_responses_content(item["content"], "content", index, translation_, message));
    if (*role == Role::assistant && !calls_.empty()) {
        add_to_latest(message);
        return {};
    }
    end_calls();
    if (*role == Role::assistant) {
        message.reasoning = reasoning_;
    }
    reasoning_ = {};
    messages_.push_back(message);
    return {};
}

Status ItemReader::read_call(const Value& item, size_t index) {
    ToolCall call;
    TRY(call.id, required_text(translation_, {"input[#].call_id", index}, item["call_id"]));
    TRY(call.name, required_text(translation_, {"input[#].name", index}, item["name"]));
    TRY(const Text arguments,
        required_text(translation_, {"input[#].arguments", index}, item["arguments"]));
    const Result<std::string_view> plain = json::unescape(arguments.raw, arena());
    if (!plain) {
        return wrong_value(translation_, {"input[#].arguments", index},
                           "The string is not valid Unicode.");
    }
    call.arguments = *plain;
    call.signature = item["extra_content"]["google"]["thought_signature"].text();
    if (messages_.empty() || messages_.back().role != Role::assistant) {
        messages_.push_back({.role = Role::assistant, .reasoning = reasoning_});
    }
    reasoning_ = {};
    calls_.push_back(call);
    return {};
}

Status ItemReader::read_output(const Value& item, size_t index) {
    end_calls();
    Message message = {.role = Role::tool};
    TRY(message.tool_call_id,
        required_text(translation_, {"input[#].call_id", index}, item["call_id"]));
    TRY_VOID(read_responses_content(item["output"], "output", index, translation_, message));
    messages_.push_back(message);
    return {};
}

void ItemReader::read_reasoning(const Value& item) {
    const Value& texts = item["content"].size() > 0 ? item["content"] : item["summary"];
    for (const Value& text : texts) {
        const Text more = text["text"].text();
        reasoning_ =
            reasoning_.empty() ? more : Text{arena().join({reasoning_.raw, "\\n\\n", more.raw})};
    }
}

Status ItemReader::read(const Value& item, size_t index) {
    if (!item.is_object()) {
        return wrong_type(translation_, {"input[#]", index}, "an object");
    }
    const Text type = item["type"].text();
    if (item["type"].is_nothing() || type == "message") {
        return read_message(item, index);
    }
    if (type == "function_call") {
        return read_call(item, index);
    }
    if (type == "function_call_output") {
        return read_output(item, index);
    }
    if (type == "reasoning") {
        read_reasoning(item);
        return {};
    }
    return translation_.refuse(translation_.path("input[#].type", index),
                               arena().join({"Items of the type '", type.raw,
                                             "' cannot be translated for this model's provider."}));
}

}  // namespace

Status read_responses_input(const Value& body, Translation& translation, ChatRequest& request) {
    ItemReader reader(translation);
    TRY(const Text instructions,
        optional_text(translation, {"instructions"}, body["instructions"]));
    if (!instructions.empty()) {
        reader.add_plain(Role::system, instructions);
    }
    const Value& input = body["input"];
    if (input.is_string()) {
        reader.add_plain(Role::user, input.text());
    } else if (!input.is_array()) {
        return wrong_type(translation, {"input"}, "a string or an array of items");
    } else if (input.size() == 0) {
        return wrong_value(translation, {"input"}, "There must be at least one item.");
    }
    size_t index = 0;
    for (const Value& item : input) {
        TRY_VOID(reader.read(item, index));
        ++index;
    }
    request.messages = reader.messages();
    return {};
}

}  // namespace sluice::providers
