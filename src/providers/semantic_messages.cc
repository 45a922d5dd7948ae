// Roles, parts and reasons by their published names.
#include "providers/semantic_messages.h"

#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/reply.h"

namespace sluice::providers {

namespace {

std::string_view reason_name(FinishReason reason) {
    switch (reason) {
        case FinishReason::stop:
            return "stop";
        case FinishReason::length:
            return "length";
        case FinishReason::tool_calls:
            return "tool_call";
        case FinishReason::content_filter:
            return "content_filter";
    }
    return "";
}

// A file that is neither image nor sound has no modality of its own.
std::string_view modality_name(PartType type) {
    return type == PartType::audio ? "audio" : type == PartType::image ? "image" : "document";
}

class Parts {
public:
    explicit Parts(json::Writer& writer) : writer_(writer) {}

    void text(std::string_view type, Text content) {
        if (!content.raw.empty()) {
            begin(type).key("content").text(content.raw).end_object();
        }
    }
    void any(const Part& part) {
        if (part.type == PartType::text) {
            text("text", part.text);
        } else if (!part.url.raw.empty()) {
            file("uri", "uri", part.url, part);
        } else if (!part.file_id.raw.empty()) {
            file("file", "file_id", part.file_id, part);
        } else {
            file("blob", "content", part.data, part);
        }
    }
    // Arguments are JSON that the model wrote, which it may have left broken: then they are a text.
    void tool_call(Text id, Text name, std::string_view arguments) {
        begin("tool_call").key("id").text(id.raw);
        writer_.key("name").text(name.raw).key("arguments");
        Arena scratch;
        if (json::Value::parse(arguments, scratch, ErrorSource::client)) {
            writer_.raw(arguments);
        } else {
            writer_.string(arguments);
        }
        writer_.end_object();
    }

    json::Writer& begin(std::string_view type) {
        return writer_.begin_object().key("type").string(type);
    }

private:
    void file(std::string_view type, std::string_view key, Text value, const Part& part) {
        begin(type).key("modality").string(modality_name(part.type));
        if (!part.media_type.raw.empty()) {
            writer_.key("mime_type").text(part.media_type.raw);
        }
        writer_.key(key).text(value.raw).end_object();
    }

    json::Writer& writer_;
};

void write_parts(const Message& message, Parts& parts) {
    parts.text("reasoning", message.reasoning);
    if (message.reasoning.raw.empty()) {  // Else the blocks say the same, signed.
        for (const ThinkingBlock& block : message.thinking) {
            parts.text("reasoning", block.thinking);
        }
    }
    for (const Part& part : message.parts) {
        parts.any(part);
    }
    parts.text("text", message.refusal);
    for (const ToolCall& call : message.tool_calls) {
        parts.tool_call(call.id, call.name, call.arguments);
    }
}

// What a tool has answered is one part, whose own parts are what it says.
void write_tool_answer(const Message& message, Parts& parts, json::Writer& writer) {
    parts.begin("tool_call_response").key("id").text(message.tool_call_id.raw).key("response");
    if (message.parts.size() == 1 && message.parts[0].type == PartType::text) {
        writer.text(message.parts[0].text.raw);
    } else {
        writer.begin_array();
        for (const Part& part : message.parts) {
            parts.any(part);
        }
        writer.end_array();
    }
    writer.end_object();
}

}  // namespace

void write_input_messages(const ChatRequest& request, json::TextOutput& to) {
    json::Writer writer(to);
    Parts parts(writer);
    writer.begin_array();
    for (const Message& message : request.messages) {
        writer.begin_object().key("role").string(role_name(message.role));
        writer.key("parts").begin_array();
        if (message.role == Role::tool) {
            write_tool_answer(message, parts, writer);
        } else {
            write_parts(message, parts);
        }
        writer.end_array().end_object();
    }
    writer.end_array();
}

void write_output_messages(const Reply& reply, json::TextOutput& to) {
    json::Writer writer(to);
    Parts parts(writer);
    writer.begin_array();
    for (const ReplyChoice& choice : reply.choices) {
        writer.begin_object().key("role").string("assistant").key("parts").begin_array();
        parts.text("reasoning", choice.reasoning);
        parts.text("text", choice.text);
        parts.text("text", choice.refusal);
        Arena scratch;
        for (const ReplyToolCall& call : choice.tool_calls) {
            const auto arguments = json::unescape(call.arguments.raw, scratch);
            parts.tool_call(call.start.id, call.start.name, arguments.value_or(""));
        }
        writer.end_array().key("finish_reason").string(reason_name(choice.finish)).end_object();
    }
    writer.end_array();
}

}  // namespace sluice::providers
