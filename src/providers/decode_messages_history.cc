// System texts, turns and blocks of a client's Messages request.
//
// A turn of the user falls apart: results of calls become messages of their own, first; what is
// left is one message, with the images that results held before the rest, since most services take
// only text as a result. Texts of system and results are joined by a line end.
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "json/compact.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/messages_input.h"
#include "providers/tool_names.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

using json::Value;

constexpr std::string_view kEscapedLineEnd = "\\n";
// Changes with every request of a coding agent and would spoil prefix caches.
constexpr std::string_view kBillingBlock = "x-anthropic-billing-header";

std::span<const Part> one_text(Text text, std::string_view cache_control, Arena& arena) {
    const std::span<Part> parts = arena.allocate_array<Part>(1);
    parts[0] = {.text = text, .cache_control = cache_control};
    return parts;
}

Text join(std::span<const Text> texts, std::string_view separator, Arena& arena) {
    if (texts.size() <= 1) {
        return texts.empty() ? Text{} : texts.front();
    }
    size_t bytes = 0;
    for (const Text& text : texts) {
        bytes += text.raw.size() + separator.size();
    }
    json::ArenaText joined(arena, bytes);
    for (const Text& text : texts) {
        joined.append(joined.empty() ? std::string_view() : separator);
        joined.append(text.raw);
    }
    return {joined.view()};
}

bool is_text(const Value& block) {
    return block["type"].text() == "text";
}

std::string_view cache_control_of(const Value& block) {
    const Value& control = block["cache_control"];
    return control.is_object() ? control.raw() : std::string_view();
}

std::string_view last_of(std::string_view earlier, std::string_view later) {
    return later.empty() ? earlier : later;
}

// Where an image or a document is.
Part source_of(const Value& block, PartType type) {
    const Value& source = block["source"];
    return {.type = type,
            .url = source["url"].text(),
            .media_type = source["media_type"].text(),
            .data = source["data"].text(),
            .file_id = source["file_id"].text(),
            .cache_control = cache_control_of(block)};
}

class HistoryReader {
public:
    explicit HistoryReader(Translation& translation)
        : translation_(&translation),
          arena_(&translation.arena()),
          messages_(*arena_),
          parts_(*arena_) {}

    Result<std::span<const Message>> read(const Value& body) {
        read_system(body["system"], Role::system);
        if (!body["messages"].is_array()) {
            return translation_->invalid("messages", "'messages' must be an array.");
        }
        for (const Value& message : body["messages"]) {
            TRY_VOID(read_message(message));
            ++index_;
        }
        return messages_.view();
    }

private:
    Status read_message(const Value& message) {
        const Text role = message["role"].text();
        const Value& content = message["content"];
        if (!content.is_string() && !content.is_array()) {
            return invalid("messages[#].content", "'content' must be a string or an array.");
        }
        if (role == "system") {
            read_system(content, Role::system);
            return {};
        }
        if (!(role == "user") && !(role == "assistant")) {
            return invalid("messages[#].role", "'role' must be 'user' or 'assistant'.");
        }
        if (content.is_string()) {
            messages_.push_back({.role = role == "user" ? Role::user : Role::assistant,
                                 .parts = one_text(content.text(), {}, *arena_),
                                 .is_plain = true});
            return {};
        }
        return role == "user" ? read_user(content) : read_assistant(content);
    }

    void read_system(const Value& content, Role role) {
        ArenaList<Text> texts(*arena_);
        std::string_view cache_control;
        if (content.is_string()) {
            texts.push_back(content.text());
        }
        for (const Value& block : content) {
            const Text text = block["text"].text();
            const bool is_billing = texts.empty() && text.raw.starts_with(kBillingBlock);
            if (is_text(block) && !text.empty() && !is_billing) {
                texts.push_back(text);
                cache_control = last_of(cache_control, cache_control_of(block));
            }
        }
        if (!texts.empty()) {
            const Text text = join(texts.view(), kEscapedLineEnd, *arena_);
            messages_.push_back(
                {.role = role, .parts = one_text(text, cache_control, *arena_), .is_plain = true});
        }
    }

    Status read_user(const Value& content) {
        parts_ = ArenaList<Part>(*arena_);
        block_index_ = 0;
        for (const Value& block : content) {
            if (block["type"].text() == "tool_result") {
                TRY_VOID(read_result(block));
            }
            ++block_index_;
        }
        block_index_ = 0;
        for (const Value& block : content) {
            if (!(block["type"].text() == "tool_result")) {
                TRY_VOID(read_part(block));
            }
            ++block_index_;
        }
        if (!parts_.empty()) {
            messages_.push_back(
                {.role = Role::user,
                 .parts = parts_.view(),
                 .is_plain = parts_.size() == 1 && parts_.back().type == PartType::text});
        }
        return {};
    }

    // Adds to the parts of the turn.
    Status read_part(const Value& block) {
        const Text type = block["type"].text();
        if (type == "text") {
            parts_.push_back(
                {.text = block["text"].text(), .cache_control = cache_control_of(block)});
        } else if (type == "image") {
            parts_.push_back(source_of(block, PartType::image));
        } else if (type == "document") {
            return read_document(block);
        } else if (type == "search_result") {
            for (const Value& piece : block["content"]) {
                parts_.push_back({.text = piece["text"].text()});
            }
        } else {
            return refuse_block();
        }
        return {};
    }

    Status read_document(const Value& block) {
        const Value& source = block["source"];
        const Text type = source["type"].text();
        if (type == "text") {
            parts_.push_back(
                {.text = source["data"].text(), .cache_control = cache_control_of(block)});
        } else if (type == "content") {
            if (source["content"].is_string()) {
                parts_.push_back({.text = source["content"].text()});
            }
            for (const Value& piece : source["content"]) {
                TRY_VOID(read_part(piece));
            }
        } else {
            Part& part = parts_.push_back(source_of(block, PartType::file));
            part.file_name = block["title"].text();
        }
        return {};
    }

    Status read_result(const Value& block) {
        const Value& content = block["content"];
        ArenaList<Text> texts(*arena_);
        if (content.is_string()) {
            texts.push_back(content.text());
        }
        for (const Value& piece : content) {
            if (is_text(piece)) {
                texts.push_back(piece["text"].text());
            } else {
                TRY_VOID(read_part(piece));
            }
        }
        Text text = join(texts.view(), kEscapedLineEnd, *arena_);
        const bool is_error = block["is_error"].is_true();
        if (is_error && text.empty()) {
            text = {"error"};
        }
        messages_.push_back({.role = Role::tool,
                             .parts = one_text(text, {}, *arena_),
                             .is_plain = true,
                             .tool_call_id = block["tool_use_id"].text(),
                             .is_error = is_error,
                             .cache_control = cache_control_of(block)});
        return {};
    }

    Status read_assistant(const Value& content) {
        ArenaList<Text> texts(*arena_);
        ArenaList<Text> reasoning(*arena_);
        ArenaList<ThinkingBlock> thinking(*arena_);
        ArenaList<ToolCall> calls(*arena_);
        std::string_view cache_control;
        for (const Value& block : content) {
            const Text type = block["type"].text();
            if (type == "text") {
                texts.push_back(block["text"].text());
                cache_control = last_of(cache_control, cache_control_of(block));
            } else if (type == "tool_use") {
                calls.push_back(call_of(block));
            } else if (type == "thinking") {
                reasoning.push_back(block["thinking"].text());
                // Unsigned ones are ours, made of another provider's reasoning.
                if (!block["signature"].text().empty()) {
                    thinking.push_back({.thinking = block["thinking"].text(),
                                        .signature = block["signature"].text()});
                }
            } else if (type == "redacted_thinking") {
                thinking.push_back({.redacted = block["data"].text()});
            } else {
                // What Anthropic's own tools did has no place elsewhere.
                TRY_VOID(translation_->drop(type.empty() ? "content" : type.raw));
            }
        }
        Message message = {.role = Role::assistant,
                           .tool_calls = calls.view(),
                           .reasoning = join(reasoning.view(), {}, *arena_),
                           .thinking = thinking.view()};
        if (!texts.empty()) {
            message.parts = one_text(join(texts.view(), {}, *arena_), cache_control, *arena_);
            message.is_plain = true;
        }
        if (!texts.empty() || !calls.empty() || !reasoning.empty() || !thinking.empty()) {
            messages_.push_back(message);
        }
        return {};
    }

    ToolCall call_of(const Value& block) {
        const Value& input = block["input"];
        return {.id = block["id"].text(),
                .name = shorten_tool_name(block["name"].text(), *arena_),
                .arguments = input.is_object() ? json::compact(input.raw(), *arena_) : "{}"};
    }

    std::unexpected<Error> refuse_block() {
        return translation_->refuse(
            translation_->path("messages[#].content[#]", index_, block_index_),
            "The model does not take content of this type.");
    }

    std::unexpected<Error> invalid(std::string_view path, std::string_view message) {
        return translation_->invalid(translation_->path(path, index_), message);
    }

    Translation* translation_;
    Arena* arena_;
    ArenaList<Message> messages_;
    ArenaList<Part> parts_;  // Of the turn that is being read.
    size_t index_ = 0;
    size_t block_index_ = 0;
};

}  // namespace

Result<std::span<const Message>> read_messages_history(const Value& body,
                                                       Translation& translation) {
    return HistoryReader(translation).read(body);
}

}  // namespace sluice::providers
