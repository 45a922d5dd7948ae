// Messages of a chat request, as the service's rules want them.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/encode_chat.h"
#include "providers/encode_chat_request.h"
#include "providers/tool_ids.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

ToolIdRule id_rule(const Target& target) {
    if (target.has(Quirk::nine_letter_tool_ids)) {
        return ToolIdRule::nine_letters;
    }
    // Others take back whatever they gave.
    return target.has(Quirk::no_openai_extras) ? ToolIdRule::any : ToolIdRule::openai;
}

class MessageWriter {
public:
    explicit MessageWriter(ChatBody& body)
        : body_(body), writer_(body.writer), id_rule_(id_rule(body.target)) {}

    // `is_current`: it belongs to the turn that is still going on.
    Status write(const Message& message, size_t index, bool is_current);

private:
    bool has(Quirk quirk) const { return body_.target.has(quirk); }

    Status write_content(const Message& message);
    Status write_part(const Part& part, size_t index);
    void write_image(const Part& part);
    void write_audio(const Part& part);
    void write_file(const Part& part);
    void write_data_url(const Part& part);
    Status require(bool is_possible, size_t part, std::string_view message);
    void write_reasoning(const Message& message, bool is_current);
    void write_reasoning_as(std::string_view key, const Message& message);
    void write_tool_calls(const Message& message);
    Status write_extensions(const Message& message);
    Status drop_extensions(const Message& message);

    ChatBody& body_;
    json::Writer& writer_;
    ToolIdRule id_rule_;
    size_t index_ = 0;
};

Status MessageWriter::require(bool is_possible, size_t part, std::string_view message) {
    if (is_possible) {
        return {};
    }
    return body_.translation.refuse(body_.translation.path("messages[#].content[#]", index_, part),
                                    message);
}

void MessageWriter::write_data_url(const Part& part) {
    writer_.raw("\"data:");
    body_.output.append(part.media_type.raw);
    body_.output.append(";base64,");
    body_.output.append(part.data.raw);
    body_.output.append('"');
}

void MessageWriter::write_image(const Part& part) {
    writer_.key("type").string("image_url").key("image_url").begin_object().key("url");
    part.url.empty() ? write_data_url(part) : void(writer_.text(part.url.raw));
    if (!part.detail.empty()) {
        writer_.key("detail").text(part.detail.raw);
    }
    writer_.end_object();
}

void MessageWriter::write_audio(const Part& part) {
    writer_.key("type").string("input_audio").key("input_audio").begin_object();
    writer_.key("data").text(part.data.raw);
    const std::string_view type = part.media_type.raw;
    writer_.key("format").text(type.substr(type.find('/') + 1)).end_object();
}

void MessageWriter::write_file(const Part& part) {
    writer_.key("type").string("file").key("file").begin_object();
    if (!part.file_name.empty()) {
        writer_.key("filename").text(part.file_name.raw);
    }
    if (!part.file_id.empty()) {
        writer_.key("file_id").text(part.file_id.raw);
    } else if (part.media_type.empty()) {
        writer_.key("file_data").text(part.data.raw);
    } else {
        writer_.key("file_data");
        write_data_url(part);
    }
    writer_.end_object();
}

Status MessageWriter::write_part(const Part& part, size_t index) {
    const Capabilities& can = body_.target.capabilities();
    writer_.begin_object();
    switch (part.type) {
        case PartType::text:
            writer_.key("type").string("text").key("text").text(part.text.raw);
            break;
        case PartType::image:
            TRY_VOID(require(can.vision, index, "The model does not read images."));
            TRY_VOID(require(can.image_urls || part.url.empty(), index,
                             "The model's provider does not fetch images."));
            write_image(part);
            break;
        case PartType::audio:
            TRY_VOID(require(can.audio, index, "The model does not take audio."));
            write_audio(part);
            break;
        case PartType::file:
            TRY_VOID(require(can.files, index, "The model does not read files."));
            TRY_VOID(require(part.url.empty(), index, "The model's provider fetches no files."));
            write_file(part);
            break;
    }
    if (!part.cache_control.empty() && has(Quirk::takes_extensions)) {
        writer_.key("cache_control").raw(part.cache_control);
    }
    writer_.end_object();
    return {};
}

// Extensions of ours that the service would not understand.
Status MessageWriter::drop_extensions(const Message& message) {
    const bool is_cached =
        !message.cache_control.empty() || std::ranges::any_of(message.parts, [](const Part& part) {
            return !part.cache_control.empty();
        });
    if (is_cached) {
        TRY_VOID(body_.translation.drop("cache_control"));
    }
    return message.thinking.empty() ? Status() : body_.translation.drop("thinking_blocks");
}

Status MessageWriter::write_content(const Message& message) {
    if (message.is_plain && message.parts.size() == 1) {
        writer_.key("content").text(message.parts.front().text.raw);
        return {};
    }
    if (message.parts.empty()) {
        const bool tells_refusal = !message.refusal.empty() && has(Quirk::no_openai_extras);
        if (tells_refusal) {
            writer_.key("content").text(message.refusal.raw);
        } else if (message.tool_calls.empty()) {
            writer_.key("content").null();
        }
        return {};
    }
    writer_.key("content").begin_array();
    size_t index = 0;
    for (const Part& part : message.parts) {
        TRY_VOID(write_part(part, index));
        ++index;
    }
    writer_.end_array();
    return {};
}

void MessageWriter::write_reasoning_as(std::string_view key, const Message& message) {
    writer_.key(key).raw("\"");
    body_.output.append(message.reasoning.raw);
    if (message.reasoning.empty()) {
        for (const ThinkingBlock& block : message.thinking) {
            body_.output.append(block.thinking.raw);
        }
    }
    body_.output.append('"');
}

// Services that want reasoning back want that of the turn whose tools are still being called.
void MessageWriter::write_reasoning(const Message& message, bool is_current) {
    const bool has_text = std::ranges::any_of(
        message.thinking, [](const ThinkingBlock& block) { return !block.thinking.empty(); });
    if ((message.reasoning.empty() && !has_text) ||
        (!is_current && !has(Quirk::returns_old_reasoning))) {
        return;
    }
    if (has(Quirk::returns_reasoning_content)) {
        write_reasoning_as("reasoning_content", message);
    }
    if (has(Quirk::returns_reasoning)) {
        write_reasoning_as("reasoning", message);
    }
}

void MessageWriter::write_tool_calls(const Message& message) {
    Arena& arena = body_.translation.arena();
    writer_.key("tool_calls").begin_array();
    for (const ToolCall& call : message.tool_calls) {
        writer_.begin_object();
        writer_.key("id").text(fit_tool_id(call.id, id_rule_, arena).raw);
        writer_.key("type").string("function").key("function").begin_object();
        writer_.key("name").text(call.name.raw);
        writer_.key("arguments").string(call.arguments.empty() ? "{}" : call.arguments);
        writer_.end_object();
        if (has(Quirk::takes_extensions)) {
            write_signature(call.signature, writer_);
        }
        writer_.end_object();
    }
    writer_.end_array();
}

Status MessageWriter::write_extensions(const Message& message) {
    for (const Member& member : message.others) {
        if (!body_.takes_other(member.key)) {
            TRY_VOID(body_.translation.drop(
                body_.translation.arena().join({"messages[].", member.key})));
            continue;
        }
        writer_.raw("\"");
        body_.output.append(member.key);
        body_.output.append("\":");
        body_.output.append(member.value);
    }
    if (!has(Quirk::takes_extensions)) {
        return drop_extensions(message);
    }
    if (!message.thinking.empty()) {
        writer_.key("thinking_blocks").begin_array();
        for (const ThinkingBlock& block : message.thinking) {
            write_thinking_block(block, writer_);
        }
        writer_.end_array();
    }
    if (!message.cache_control.empty()) {
        writer_.key("cache_control").raw(message.cache_control);
    }
    return {};
}

Status MessageWriter::write(const Message& message, size_t index, bool is_current) {
    index_ = index;
    writer_.begin_object().key("role");
    const bool is_developer = message.role == Role::developer && !has(Quirk::no_developer_role);
    writer_.string(is_developer ? "developer" : role_name(message.role));
    TRY_VOID(write_content(message));
    if (!message.name.empty()) {
        if (has(Quirk::no_logprobs)) {
            TRY_VOID(body_.translation.drop("messages[].name"));
        } else {
            writer_.key("name").text(message.name.raw);
        }
    }
    if (!message.refusal.empty() && !has(Quirk::no_openai_extras)) {
        writer_.key("refusal").text(message.refusal.raw);
    }
    write_reasoning(message, is_current);
    if (!message.tool_calls.empty()) {
        write_tool_calls(message);
    }
    if (message.role == Role::tool) {
        const Text id = fit_tool_id(message.tool_call_id, id_rule_, body_.translation.arena());
        writer_.key("tool_call_id").text(id.raw);
    }
    TRY_VOID(write_extensions(message));
    const bool is_last = index + 1 == body_.request.messages.size();
    if (is_last && body_.request.continues_answer && has(Quirk::prefix_flag)) {
        writer_.key("prefix").boolean(true);
    }
    writer_.end_object();
    return {};
}

}  // namespace

Status encode_chat_messages(ChatBody& body, std::string_view instruction) {
    const std::span<const Message> messages = body.request.messages;
    size_t turn = messages.size();
    while (turn > 0 && messages[turn - 1].role != Role::user) {
        --turn;
    }
    body.writer.key("messages").begin_array();
    if (!instruction.empty()) {
        body.writer.begin_object().key("role").string("system");
        body.writer.key("content").text(instruction).end_object();
    }
    MessageWriter writer(body);
    for (size_t i = 0; i < messages.size(); ++i) {
        TRY_VOID(writer.write(messages[i], i, i >= turn));
    }
    body.writer.end_array();
    return {};
}

}  // namespace sluice::providers
