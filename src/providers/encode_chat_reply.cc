// A whole reply as a chat completion.
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/encode_chat.h"
#include "providers/reply.h"

namespace sluice::providers {

namespace {

class ReplyWriter {
public:
    ReplyWriter(const ReplyContext& context, json::TextOutput& output)
        : context_(context), output_(output), writer_(output) {}

    void write(const Reply& reply);

private:
    void write_choice(const ReplyChoice& choice, uint32_t index);
    void write_content(const ReplyChoice& choice);
    void write_tool_calls(const ReplyChoice& choice, uint32_t index);
    void write_function_call(const ReplyToolCall& call);

    const ReplyContext& context_;
    json::TextOutput& output_;
    json::Writer writer_;
};

// Null says that there was no text: only calls, a refusal, or nothing that passed the filter.
void ReplyWriter::write_content(const ReplyChoice& choice) {
    writer_.key("content");
    const bool is_null =
        !choice.has_text && (!choice.tool_calls.empty() || !choice.refusal.empty() ||
                             choice.finish == FinishReason::content_filter);
    is_null ? writer_.null() : writer_.text(choice.text.raw);
}

void ReplyWriter::write_tool_calls(const ReplyChoice& choice, uint32_t index) {
    writer_.key("tool_calls").begin_array();
    uint32_t number = 0;
    for (const ReplyToolCall& call : choice.tool_calls) {
        writer_.begin_object().key("id").raw("\"");
        write_tool_call_id(call.start, context_, index, number, output_);
        output_.append('"');
        writer_.key("type").string("function").key("function").begin_object();
        writer_.key("name").text(call.start.name.raw);
        writer_.key("arguments").text(call.arguments.raw).end_object();
        write_signature(call.start.signature, writer_);
        writer_.end_object();
        ++number;
    }
    writer_.end_array();
}

// The form before tools has room for one call.
void ReplyWriter::write_function_call(const ReplyToolCall& call) {
    writer_.key("function_call").begin_object();
    writer_.key("name").text(call.start.name.raw);
    writer_.key("arguments").text(call.arguments.raw).end_object();
}

void ReplyWriter::write_choice(const ReplyChoice& choice, uint32_t index) {
    writer_.begin_object().key("index").unsigned_integer(index);
    writer_.key("message").begin_object().key("role").string("assistant");
    write_content(choice);
    writer_.key("refusal");
    choice.refusal.empty() ? writer_.null() : writer_.text(choice.refusal.raw);
    if (!choice.reasoning.empty()) {
        writer_.key("reasoning_content").text(choice.reasoning.raw);
    }
    if (!choice.thinking.empty()) {
        writer_.key("thinking_blocks").begin_array();
        for (const ThinkingBlock& block : choice.thinking) {
            write_thinking_block(block, writer_);
        }
        writer_.end_array();
    }
    if (!choice.tool_calls.empty()) {
        context_.uses_functions ? write_function_call(choice.tool_calls.front())
                                : write_tool_calls(choice, index);
    }
    for (const Member& member : choice.extensions) {
        writer_.key(member.key).raw(member.value);
    }
    writer_.end_object().key("logprobs");
    choice.logprobs.empty() ? writer_.null() : writer_.raw(choice.logprobs);
    writer_.key("finish_reason").string(finish_name(choice.finish, context_.uses_functions));
    writer_.end_object();
}

void ReplyWriter::write(const Reply& reply) {
    const ReplyStart& start = reply.start;
    writer_.begin_object().key("id").raw("\"");
    write_chat_reply_id(start, context_, output_);
    output_.append('"');
    writer_.key("object").string("chat.completion");
    writer_.key("created").integer(start.created_s == 0 ? context_.now_s : start.created_s);
    writer_.key("model");
    start.model.empty() ? writer_.string(context_.requested_model) : writer_.text(start.model.raw);
    writer_.key("choices").begin_array();
    uint32_t index = 0;
    for (const ReplyChoice& choice : reply.choices) {
        write_choice(choice, index);
        ++index;
    }
    writer_.end_array();
    if (reply.usage.is_known()) {
        writer_.key("usage");
        write_usage(reply.usage, writer_);
    }
    writer_.end_object();
}

}  // namespace

void encode_chat_reply(const Reply& reply,
                       const ReplyContext& context,
                       json::TextOutput& output,
                       Arena&) {
    ReplyWriter(context, output).write(reply);
}

}  // namespace sluice::providers
