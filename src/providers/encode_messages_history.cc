// System texts and turns of a Messages request.
//
// Anthropic wants user and assistant to alternate, results of calls first in the turn after the
// calls, and every call answered there. So adjacent messages of one side become one turn, by
// joining their lists of blocks; system texts leave the conversation.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/emulated_json.h"
#include "providers/messages_request.h"
#include "providers/tool_ids.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

bool is_system(const Message& message) {
    return message.role == Role::system || message.role == Role::developer;
}

bool is_assistant(const Message& message) {
    return message.role == Role::assistant;
}

// Whether a part stays: nobody takes empty texts, and blank ones of the assistant are refused.
bool is_sent(const Part& part, Role role) {
    if (part.type != PartType::text) {
        return true;
    }
    return role == Role::assistant ? !is_blank(part.text) : !part.text.empty();
}

bool has_content(const Message& message) {
    const auto sent = [&message](const Part& part) { return is_sent(part, message.role); };
    return message.role == Role::tool || std::ranges::any_of(message.parts, sent) ||
           (is_assistant(message) && (!message.tool_calls.empty() || !message.refusal.empty() ||
                                      std::ranges::any_of(message.thinking, is_returnable)));
}

// What stands behind the last block of a message counts for that block.
std::string_view cache_control_of(const Message& message, const Part& part) {
    if (!part.cache_control.empty()) {
        return part.cache_control;
    }
    const bool is_last = message.role != Role::tool && &part == &message.parts.back();
    return is_last ? message.cache_control : std::string_view();
}

// `ids` is sorted.
bool holds(ArenaList<std::string_view>& ids, Text id) {
    return std::binary_search(ids.begin(), ids.end(), id.raw);
}

// The messages of one turn, by index; those without content and system texts among them.
struct Turn {
    size_t begin = 0;
    size_t end = 0;
    bool is_assistant = false;
    size_t messages = 0;  // With content.
};

class HistoryWriter {
public:
    HistoryWriter(const ChatRequest& request,
                  const Target& target,
                  Translation& translation,
                  json::Writer& writer)
        : messages_(request.messages),
          target_(&target),
          translation_(&translation),
          writer_(&writer),
          calls_(translation.arena()),
          results_(translation.arena()) {}

    Status write() {
        writer_->key("messages").begin_array();
        Turn turn = turn_from(0);
        if (turn.messages == 0) {
            return translation_->invalid("messages", "'messages' holds nothing to answer to.");
        }
        if (turn.is_assistant) {
            write_opening();
        }
        size_t calls_begin = 0;
        for (; turn.messages > 0; turn = turn_from(turn.end)) {
            if (!turn.is_assistant) {
                TRY_VOID(check_answers(calls_begin, turn));
            }
            calls_.clear();
            calls_begin = turn.begin;
            TRY_VOID(turn.is_assistant ? write_assistant(turn) : write_user(turn));
        }
        TRY_VOID(check_answers(calls_begin, {}));
        writer_->end_array();
        return {};
    }

private:
    // The first turn that begins at `begin` or later; without messages when there is none.
    Turn turn_from(size_t begin) const {
        Turn turn = {.begin = begin, .end = begin};
        for (; turn.end < messages_.size(); ++turn.end) {
            const Message& message = messages_[turn.end];
            if (is_system(message) || !has_content(message)) {
                continue;
            }
            if (turn.messages > 0 && is_assistant(message) != turn.is_assistant) {
                break;
            }
            turn.is_assistant = is_assistant(message);
            ++turn.messages;
        }
        return turn;
    }

    // A conversation has to begin with the user.
    void write_opening() {
        writer_->begin_object().key("role").string("user").key("content").string(".").end_object();
    }

    // The calls of the turn before, which begins at message `calls_begin`, against the results in
    // this one. Sorted, so that no request makes it slow.
    Status check_answers(size_t calls_begin, const Turn& turn) {
        results_.clear();
        for (size_t i = turn.begin; i < turn.end; ++i) {
            if (messages_[i].role == Role::tool) {
                results_.push_back(messages_[i].tool_call_id.raw);
            }
        }
        if (calls_.empty() && results_.empty()) {
            return {};
        }
        std::ranges::sort(calls_.view());
        std::ranges::sort(results_.view());
        for (size_t i = turn.begin; i < turn.end; ++i) {
            if (messages_[i].role == Role::tool && !holds(calls_, messages_[i].tool_call_id)) {
                return translation_->invalid(
                    translation_->path("messages[#].tool_call_id", i),
                    "'tool_call_id' names no call of the message before it.");
            }
        }
        return check_calls(calls_begin, turn.end > turn.begin ? turn.begin : messages_.size());
    }

    Status check_calls(size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) {
            for (size_t j = 0; j < messages_[i].tool_calls.size(); ++j) {
                if (!holds(results_, messages_[i].tool_calls[j].id)) {
                    return translation_->invalid(
                        translation_->path("messages[#].tool_calls[#].id", i, j),
                        "No message with the role 'tool' answers this call.");
                }
            }
        }
        return {};
    }

    Status write_user(const Turn& turn) {
        const std::span<const Message> messages =
            messages_.subspan(turn.begin, turn.end - turn.begin);
        writer_->begin_object().key("role").string("user").key("content");
        const auto first = std::ranges::find_if(
            messages, [](const Message& m) { return !is_system(m) && has_content(m); });
        if (turn.messages == 1 && is_bare(*first)) {
            TRY_VOID(drop_name(*first));
            writer_->text(first->parts.front().text.raw).end_object();
            return {};
        }
        writer_->begin_array();
        for (size_t i = turn.begin; i < turn.end; ++i) {
            if (messages_[i].role == Role::tool) {
                TRY_VOID(write_result(i));
            }
        }
        for (size_t i = turn.begin; i < turn.end; ++i) {
            if (messages_[i].role == Role::user) {
                TRY_VOID(drop_name(messages_[i]));
                TRY_VOID(write_parts(i));
            }
        }
        writer_->end_array().end_object();
        return {};
    }

    // One text that needs no block around it.
    static bool is_bare(const Message& message) {
        return message.role == Role::user && message.is_plain && message.cache_control.empty() &&
               message.parts.size() == 1 && message.parts.front().cache_control.empty();
    }

    Status drop_name(const Message& message) {
        return message.name.empty() ? Status() : translation_->drop("name");
    }

    Status write_assistant(const Turn& turn) {
        writer_->begin_object().key("role").string("assistant").key("content").begin_array();
        for (size_t i = turn.begin; i < turn.end; ++i) {
            const Message& message = messages_[i];
            if (!is_assistant(message)) {
                continue;
            }
            TRY_VOID(drop_name(message));
            std::ranges::for_each(message.thinking, [this](const ThinkingBlock& block) {
                if (is_returnable(block)) {
                    write_thinking(block);
                }
            });
            TRY_VOID(write_parts(i));
            if (!is_blank(message.refusal)) {
                writer_->begin_object().key("type").string("text").key("text");
                writer_->text(message.refusal.raw).end_object();
            }
            for (size_t call = 0; call < message.tool_calls.size(); ++call) {
                TRY_VOID(write_call(i, call));
            }
        }
        writer_->end_array().end_object();
        return {};
    }

    void write_thinking(const ThinkingBlock& block) {
        writer_->begin_object().key("type");
        if (!block.redacted.empty()) {
            writer_->string("redacted_thinking").key("data").text(block.redacted.raw);
        } else {
            writer_->string("thinking").key("thinking").text(block.thinking.raw);
            writer_->key("signature").text(block.signature.raw);
        }
        writer_->end_object();
    }

    Status write_parts(size_t index) {
        const Message& message = messages_[index];
        for (size_t i = 0; i < message.parts.size(); ++i) {
            const Part& part = message.parts[i];
            if (is_sent(part, message.role)) {
                TRY_VOID(write_messages_part(
                    part, cache_control_of(message, part), *target_,
                    part.type == PartType::text ? std::string_view() : place_of(index, i),
                    *translation_, *writer_));
            }
        }
        return {};
    }

    std::string_view place_of(size_t message, size_t part) {
        return translation_->path("messages[#].content[#]", message, part);
    }

    Status write_call(size_t index, size_t call_index) {
        const ToolCall& call = messages_[index].tool_calls[call_index];
        calls_.push_back(call.id.raw);
        writer_->begin_object().key("type").string("tool_use").key("id");
        writer_->text(fit_tool_id(call.id, ToolIdRule::anthropic, translation_->arena()).raw);
        writer_->key("name").text(call.name.raw).key("input");
        if (call.arguments.find_first_not_of(" \t\r\n") == std::string_view::npos) {
            writer_->raw("{}").end_object();
            return {};
        }
        scratch_.clear();
        const Result<const json::Value*> input =
            json::Value::parse(call.arguments, scratch_, ErrorSource::client);
        if (!input || !(**input).is_object()) {
            return translation_->invalid(
                translation_->path("messages[#].tool_calls[#].function.arguments", index,
                                   call_index),
                "The arguments of this call are not a JSON object.");
        }
        writer_->raw(call.arguments).end_object();
        return {};
    }

    Status write_result(size_t index) {
        const Message& message = messages_[index];
        writer_->begin_object().key("type").string("tool_result").key("tool_use_id");
        writer_->text(
            fit_tool_id(message.tool_call_id, ToolIdRule::anthropic, translation_->arena()).raw);
        if (message.is_plain) {
            writer_->key("content").text(message.parts.empty() ? std::string_view()
                                                               : message.parts.front().text.raw);
        } else {
            writer_->key("content").begin_array();
            TRY_VOID(write_parts(index));
            writer_->end_array();
        }
        if (message.is_error) {
            writer_->key("is_error").boolean(true);
        }
        if (!message.cache_control.empty()) {
            writer_->key("cache_control").raw(message.cache_control);
        }
        writer_->end_object();
        return {};
    }

    std::span<const Message> messages_;
    const Target* target_;
    Translation* translation_;
    json::Writer* writer_;
    ArenaList<std::string_view> calls_;  // Ids of the calls of the turn before.
    ArenaList<std::string_view> results_;
    Arena scratch_;
};

struct SystemText {
    Text text = {};
    std::string_view cache_control = {};
};

void add_system_texts(const ChatRequest& request, ArenaList<SystemText>& texts) {
    for (const Message& message : request.messages) {
        if (!is_system(message)) {
            continue;
        }
        for (const Part& part : message.parts) {
            if (part.type == PartType::text && !is_blank(part.text)) {
                texts.push_back(
                    {.text = part.text, .cache_control = cache_control_of(message, part)});
            }
        }
    }
}

}  // namespace

void write_messages_system(const ChatRequest& request,
                           const MessagesPlan& plan,
                           Translation& translation,
                           json::Writer& writer) {
    ArenaList<SystemText> texts(translation.arena());
    add_system_texts(request, texts);
    if (plan.json == JsonOutput::instruction) {
        const std::string_view schema = request.response_format.schema;
        texts.push_back({.text = schema.empty()
                                     ? Text{kJsonObjectInstruction}
                                     : json_schema_instruction(schema, translation.arena())});
    }
    if (texts.empty()) {
        return;
    }
    if (texts.size() == 1 && texts.back().cache_control.empty()) {
        writer.key("system").text(texts.back().text.raw);
        return;
    }
    writer.key("system").begin_array();
    for (const SystemText& text : texts.view()) {
        writer.begin_object().key("type").string("text").key("text").text(text.text.raw);
        if (!text.cache_control.empty()) {
            writer.key("cache_control").raw(text.cache_control);
        }
        writer.end_object();
    }
    writer.end_array();
}

Status write_messages_history(const ChatRequest& request,
                              const Target& target,
                              Translation& translation,
                              json::Writer& writer) {
    return HistoryWriter(request, target, translation, writer).write();
}

}  // namespace sluice::providers
