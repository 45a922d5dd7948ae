// The turns of a Converse request.
//
// User and assistant have to alternate, the user begins, all results of a turn's calls stand in the
// turn after it, and no text may be blank. So adjacent messages of one side become one turn, by
// joining their lists of blocks; system texts have left the conversation.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/converse_request.h"
#include "providers/messages_request.h"
#include "providers/tool_history.h"
#include "providers/tool_ids.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

bool is_sent(const Part& part) {
    return part.type != PartType::text || !is_blank(part.text);
}

class ConverseHistoryWriter {
public:
    ConverseHistoryWriter(const ChatRequest& request,
                          const ConversePlan& plan,
                          Translation& translation,
                          json::Writer& writer)
        : messages_(request.messages),
          plan_(plan),
          translation_(translation),
          writer_(writer),
          open_calls_(translation.arena()) {}

    Status write();

private:
    // The messages from `begin` to `end`, as far as they say something.
    struct Turn {
        size_t begin = 0;
        size_t end = 0;
        bool is_assistant = false;
        bool is_empty = true;
    };

    bool has_content(const Message& message) const;
    bool is_returned(const ThinkingBlock& block) const {
        return plan_.is_claude() && is_returnable(block);
    }
    Turn turn_from(size_t begin) const;
    void open_turn(std::string_view role) {
        writer_.begin_object().key("role").string(role).key("content").begin_array();
    }
    void close_turn() { writer_.end_array().end_object(); }
    void write_text(std::string_view raw) {
        writer_.begin_object().key("text").text(raw).end_object();
    }
    void write_id(Text id) {
        const Text fitting = fit_tool_id(id, ToolIdRule::converse, translation_.arena());
        writer_.key("toolUseId").text(fitting.raw);
    }
    Status write_user(const Turn& turn);
    Status write_result(const Message& message, size_t index);
    Status write_assistant(const Turn& turn);
    void write_thinking(const ThinkingBlock& block);
    Status write_call(const ToolCall& call, size_t message, size_t index);
    Status write_parts(const Message& message, size_t index, bool& has_text);
    Status write_cache_point_after(const Message& message, const Part& part);
    std::string_view place(size_t message, size_t part) {
        return translation_.path("messages[#].content[#]", message, part);
    }

    std::span<const Message> messages_;
    const ConversePlan& plan_;
    Translation& translation_;
    json::Writer& writer_;
    OpenCalls open_calls_;
    size_t documents_ = 0;
};

Status ConverseHistoryWriter::write() {
    Turn turn = turn_from(0);
    if (turn.is_empty) {
        return translation_.invalid("messages", "'messages' holds nothing to answer to.");
    }
    writer_.key("messages").begin_array();
    if (turn.is_assistant) {
        open_turn("user");
        write_text(".");
        close_turn();
    }
    for (; !turn.is_empty; turn = turn_from(turn.end)) {
        TRY_VOID(turn.is_assistant ? write_assistant(turn) : write_user(turn));
    }
    writer_.end_array();
    const OpenCalls::Call* const unanswered = open_calls_.unanswered();
    return unanswered == nullptr ? Status() : refuse_unanswered(translation_, *unanswered);
}

bool ConverseHistoryWriter::has_content(const Message& message) const {
    switch (message.role) {
        case Role::system:
        case Role::developer:
            return false;
        case Role::tool:
            return true;
        case Role::user:
            return std::ranges::any_of(message.parts, is_sent);
        case Role::assistant:
            break;
    }
    return std::ranges::any_of(message.parts, is_sent) || !message.tool_calls.empty() ||
           !is_blank(message.refusal) ||
           std::ranges::any_of(message.thinking,
                               [this](const ThinkingBlock& block) { return is_returned(block); });
}

ConverseHistoryWriter::Turn ConverseHistoryWriter::turn_from(size_t begin) const {
    Turn turn = {.begin = begin, .end = begin};
    for (; turn.end < messages_.size(); ++turn.end) {
        const Message& message = messages_[turn.end];
        if (!has_content(message)) {
            continue;
        }
        const bool is_assistant = message.role == Role::assistant;
        if (!turn.is_empty && is_assistant != turn.is_assistant) {
            break;
        }
        turn.is_assistant = is_assistant;
        turn.is_empty = false;
    }
    return turn;
}

// Results stand before everything else that the turn says.
Status ConverseHistoryWriter::write_user(const Turn& turn) {
    open_turn("user");
    for (size_t i = turn.begin; i < turn.end; ++i) {
        if (messages_[i].role == Role::tool) {
            TRY_VOID(write_result(messages_[i], i));
        }
    }
    const OpenCalls::Call* const unanswered = open_calls_.unanswered();
    if (unanswered != nullptr) {
        return refuse_unanswered(translation_, *unanswered);
    }
    open_calls_.clear();
    const size_t documents_before = documents_;
    bool has_text = false;
    for (size_t i = turn.begin; i < turn.end; ++i) {
        if (messages_[i].role == Role::user) {
            TRY_VOID(write_parts(messages_[i], i, has_text));
        }
    }
    // Documents are refused without a text beside them.
    if (documents_ > documents_before && !has_text) {
        write_text(".");
    }
    close_turn();
    return {};
}

Status ConverseHistoryWriter::write_result(const Message& message, size_t index) {
    if (open_calls_.answer(message.tool_call_id) == nullptr) {
        return refuse_stray_result(translation_, index);
    }
    writer_.begin_object().key("toolResult").begin_object();
    write_id(message.tool_call_id);
    writer_.key("content").begin_array();
    for (size_t i = 0; i < message.parts.size(); ++i) {
        const Part& part = message.parts[i];
        if (part.type != PartType::text || !part.text.empty()) {
            TRY_VOID(write_converse_part(part, plan_, place(index, i), documents_, translation_,
                                         writer_));
        }
    }
    writer_.end_array().end_object().end_object();
    return write_cache_point(message.cache_control, plan_, translation_, writer_);
}

Status ConverseHistoryWriter::write_assistant(const Turn& turn) {
    open_turn("assistant");
    for (size_t i = turn.begin; i < turn.end; ++i) {
        const Message& message = messages_[i];
        if (message.role != Role::assistant) {
            continue;
        }
        for (const ThinkingBlock& block : message.thinking) {
            if (is_returned(block)) {
                write_thinking(block);
            }
        }
        bool has_text = false;
        TRY_VOID(write_parts(message, i, has_text));
        if (!is_blank(message.refusal)) {
            write_text(message.refusal.raw);
        }
        open_calls_.add(message, i);
        for (size_t call = 0; call < message.tool_calls.size(); ++call) {
            TRY_VOID(write_call(message.tool_calls[call], i, call));
        }
    }
    close_turn();
    return {};
}

void ConverseHistoryWriter::write_thinking(const ThinkingBlock& block) {
    writer_.begin_object().key("reasoningContent").begin_object();
    if (!block.redacted.empty()) {
        writer_.key("redactedContent").text(block.redacted.raw);
    } else {
        writer_.key("reasoningText").begin_object().key("text").text(block.thinking.raw);
        writer_.key("signature").text(block.signature.raw).end_object();
    }
    writer_.end_object().end_object();
}

Status ConverseHistoryWriter::write_call(const ToolCall& call, size_t message, size_t index) {
    TRY(const std::string_view arguments, arguments_object(call, message, index, translation_));
    writer_.begin_object().key("toolUse").begin_object();
    write_id(call.id);
    writer_.key("name").text(call.name.raw).key("input").raw(arguments);
    writer_.end_object().end_object();
    return {};
}

Status ConverseHistoryWriter::write_parts(const Message& message, size_t index, bool& has_text) {
    if (!message.name.empty()) {
        TRY_VOID(translation_.drop("name"));
    }
    for (size_t i = 0; i < message.parts.size(); ++i) {
        const Part& part = message.parts[i];
        if (!is_sent(part)) {
            continue;
        }
        if (part.type == PartType::text) {
            has_text = true;
            write_text(part.text.raw);
        } else {
            TRY_VOID(write_converse_part(part, plan_, place(index, i), documents_, translation_,
                                         writer_));
        }
        TRY_VOID(write_cache_point_after(message, part));
    }
    return {};
}

// What is said of a whole message counts for its last part.
Status ConverseHistoryWriter::write_cache_point_after(const Message& message, const Part& part) {
    const bool is_last = &part == &message.parts.back();
    return write_cache_point(
        part.cache_control.empty() && is_last ? message.cache_control : part.cache_control, plan_,
        translation_, writer_);
}

}  // namespace

Status write_converse_messages(const ChatRequest& request,
                               const ConversePlan& plan,
                               Translation& translation,
                               json::Writer& writer) {
    return ConverseHistoryWriter(request, plan, translation, writer).write();
}

}  // namespace sluice::providers
