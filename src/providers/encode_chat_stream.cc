// A streamed reply as chat completion chunks.
//
// What all chunks share is spelled once, at the start; every event then is that prefix, a delta and
// an ending, copied to the output without a tree or a buffer in between.
#include <bitset>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/encode_chat.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::providers {

namespace {

constexpr size_t kDigitsMax = 20;

class ChatStreamEncoder final : public StreamEncoder {
public:
    ChatStreamEncoder(const ReplyContext& context, json::TextOutput& output, Arena& arena)
        : context_(context), output_(&output), arena_(&arena) {}

    void on_start(const ReplyStart& start) override;
    void on_text(uint32_t choice, Text text) override { text_delta(choice, "content", text); }
    void on_reasoning(uint32_t choice, Text text) override {
        text_delta(choice, "reasoning_content", text);
    }
    void on_refusal(uint32_t choice, Text text) override { text_delta(choice, "refusal", text); }
    void on_thinking_block(uint32_t choice, const ThinkingBlock& block) override;
    void on_tool_call(uint32_t choice, uint32_t call, const ToolCallStart& start) override;
    void on_arguments(uint32_t choice, uint32_t call, Text fragment) override;
    void on_logprobs(uint32_t choice, std::string_view json) override;
    void on_extension(uint32_t choice, const Member& member) override;
    void on_finish(uint32_t choice, FinishReason reason) override;
    void on_usage(const Usage& usage) override;
    void on_end() override { output_->append("data: [DONE]\n\n"); }
    void on_error(const ProviderError& error) override {
        encode_chat_error_event(error, {}, *output_);
    }

private:
    void append_number(uint64_t value) {
        output_->commit(write_decimal(value, output_->room(kDigitsMax)));
    }
    // Up to and including the brace that opens the delta. The first delta of a choice is its role.
    void begin_delta(uint32_t choice);
    void open_delta(uint32_t choice);
    void say_role(uint32_t choice);
    void end_delta() { output_->append("},\"logprobs\":null,\"finish_reason\":null}]}\n\n"); }
    void text_delta(uint32_t choice, std::string_view key, Text text);

    const ReplyContext& context_;
    json::TextOutput* output_;
    Arena* arena_;
    std::string_view prefix_;  // Ends before the choices.
    std::bitset<ReplyOrder::kChoicesMax> has_role_;
};

void ChatStreamEncoder::on_start(const ReplyStart& start) {
    json::ArenaText prefix(*arena_, 160 + start.id.raw.size() + start.model.raw.size());
    prefix.append("data: {\"id\":\"");
    write_chat_reply_id(start, context_, prefix);
    prefix.append("\",\"object\":\"chat.completion.chunk\",\"created\":");
    const int64_t created_s = start.created_s > 0 ? start.created_s : context_.now_s;
    prefix.commit(write_decimal(static_cast<uint64_t>(created_s), prefix.room(kDigitsMax)));
    prefix.append(",\"model\":\"");
    if (start.model.empty()) {
        json::append_escaped(prefix, context_.requested_model);
    } else {
        prefix.append(start.model.raw);
    }
    prefix.append("\",");
    prefix_ = prefix.view();
    say_role(0);
}

void ChatStreamEncoder::open_delta(uint32_t choice) {
    output_->append(prefix_);
    output_->append("\"choices\":[{\"index\":");
    append_number(choice);
    output_->append(",\"delta\":{");
}

void ChatStreamEncoder::say_role(uint32_t choice) {
    has_role_.set(choice);
    open_delta(choice);
    output_->append("\"role\":\"assistant\",\"content\":\"\"");
    end_delta();
}

void ChatStreamEncoder::begin_delta(uint32_t choice) {
    if (!has_role_.test(choice)) {
        say_role(choice);
    }
    open_delta(choice);
}

void ChatStreamEncoder::text_delta(uint32_t choice, std::string_view key, Text text) {
    begin_delta(choice);
    output_->append('"');
    output_->append(key);
    output_->append("\":\"");
    output_->append(text.raw);
    output_->append('"');
    end_delta();
}

void ChatStreamEncoder::on_thinking_block(uint32_t choice, const ThinkingBlock& block) {
    begin_delta(choice);
    output_->append("\"thinking_blocks\":[");
    json::Writer writer(*output_);
    write_thinking_block(block, writer);
    output_->append(']');
    end_delta();
}

void ChatStreamEncoder::on_tool_call(uint32_t choice, uint32_t call, const ToolCallStart& start) {
    if (context_.uses_functions) {
        // The form before tools has room for one call.
        if (call == 0) {
            begin_delta(choice);
            output_->append("\"function_call\":{\"name\":\"");
            output_->append(start.name.raw);
            output_->append("\",\"arguments\":\"\"}");
            end_delta();
        }
        return;
    }
    begin_delta(choice);
    output_->append("\"tool_calls\":[{\"index\":");
    append_number(call);
    output_->append(",\"id\":\"");
    write_tool_call_id(start, context_, choice, call, *output_);
    output_->append("\",\"type\":\"function\",\"function\":{\"name\":\"");
    output_->append(start.name.raw);
    output_->append("\",\"arguments\":\"\"}");
    json::Writer writer(*output_);
    if (!start.signature.empty()) {
        output_->append(',');
        write_signature(start.signature, writer);
    }
    output_->append("}]");
    end_delta();
}

void ChatStreamEncoder::on_arguments(uint32_t choice, uint32_t call, Text fragment) {
    if (context_.uses_functions && call > 0) {
        return;
    }
    begin_delta(choice);
    if (context_.uses_functions) {
        output_->append("\"function_call\":{\"arguments\":\"");
        output_->append(fragment.raw);
        output_->append("\"}");
    } else {
        output_->append("\"tool_calls\":[{\"index\":");
        append_number(call);
        output_->append(",\"function\":{\"arguments\":\"");
        output_->append(fragment.raw);
        output_->append("\"}}]");
    }
    end_delta();
}

void ChatStreamEncoder::on_logprobs(uint32_t choice, std::string_view json) {
    begin_delta(choice);
    output_->append("},\"logprobs\":");
    output_->append(json);
    output_->append(",\"finish_reason\":null}]}\n\n");
}

void ChatStreamEncoder::on_extension(uint32_t choice, const Member& member) {
    begin_delta(choice);
    output_->append('"');
    output_->append(member.key);
    output_->append("\":");
    output_->append(member.value);
    end_delta();
}

void ChatStreamEncoder::on_finish(uint32_t choice, FinishReason reason) {
    begin_delta(choice);
    output_->append("},\"logprobs\":null,\"finish_reason\":\"");
    output_->append(finish_name(reason, context_.uses_functions));
    output_->append("\"}]}\n\n");
}

void ChatStreamEncoder::on_usage(const Usage& usage) {
    if (!context_.include_usage) {
        return;
    }
    output_->append(prefix_);
    output_->append("\"choices\":[],\"usage\":");
    json::Writer writer(*output_);
    write_usage(usage, writer);
    output_->append("}\n\n");
}

}  // namespace

StreamEncoder& make_chat_stream_encoder(const ReplyContext& context,
                                        json::TextOutput& output,
                                        Arena& arena) {
    return arena.make<ChatStreamEncoder>(context, output, arena);
}

}  // namespace sluice::providers
