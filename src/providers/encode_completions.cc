// A reply as a legacy completion: whole, and as chunks of the same form.
//
// There is a text and nothing else: reasoning is left out, a refusal is what the model has said.
// What all chunks share is spelled once, at the start.
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/completions.h"
#include "providers/dialect.h"
#include "providers/encode_chat.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::providers {

namespace {

constexpr size_t kDigitsMax = 20;

void append_number(uint64_t value, json::TextOutput& output) {
    output.commit(write_decimal(value, output.room(kDigitsMax)));
}

// Without tools there is nothing to call, whatever a provider says.
std::string_view reason_name(FinishReason reason) {
    return finish_name(reason == FinishReason::tool_calls ? FinishReason::stop : reason, false);
}

// The members that stand before the choices, up to and with their comma. A chat completion's id is
// turned into a completion's.
void write_head(const ReplyStart& start, const ReplyContext& context, json::TextOutput& output) {
    constexpr std::string_view kChatPrefix = "chatcmpl-";
    constexpr std::string_view kPrefix = "cmpl-";
    std::string_view id = start.id.raw;
    if (id.starts_with(kChatPrefix)) {
        id.remove_prefix(kChatPrefix.size());
    }
    output.append("{\"id\":\"");
    output.append(id.starts_with(kPrefix) ? std::string_view() : kPrefix);
    id.empty() ? json::append_escaped(output, context.fallback_id) : output.append(id);
    output.append("\",\"object\":\"text_completion\",\"created\":");
    const int64_t created_s = start.created_s > 0 ? start.created_s : context.now_s;
    append_number(static_cast<uint64_t>(created_s), output);
    output.append(",\"model\":\"");
    start.model.empty() ? json::append_escaped(output, context.requested_model)
                        : output.append(start.model.raw);
    output.append("\",");
}

class CompletionsStreamEncoder final : public StreamEncoder {
public:
    CompletionsStreamEncoder(const ReplyContext& context, json::TextOutput& output, Arena& arena)
        : context_(context), output_(&output), arena_(&arena) {}

    void on_start(const ReplyStart& start) override {
        json::ArenaText head(*arena_, 128 + start.id.raw.size() + start.model.raw.size());
        head.append("data: ");
        write_head(start, context_, head);
        head_ = head.view();
    }

    void on_text(uint32_t choice, Text text) override {
        begin_choice(choice);
        output_->append(text.raw);
        output_->append("\",\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    }
    void on_refusal(uint32_t choice, Text text) override { on_text(choice, text); }
    void on_reasoning(uint32_t, Text) override {}
    void on_thinking_block(uint32_t, const ThinkingBlock&) override {}
    void on_tool_call(uint32_t, uint32_t, const ToolCallStart&) override {}
    void on_arguments(uint32_t, uint32_t, Text) override {}
    void on_logprobs(uint32_t, std::string_view) override {}

    void on_finish(uint32_t choice, FinishReason reason) override {
        begin_choice(choice);
        output_->append("\",\"logprobs\":null,\"finish_reason\":\"");
        output_->append(reason_name(reason));
        output_->append("\"}]}\n\n");
    }

    void on_usage(const Usage& usage) override {
        if (context_.include_usage) {
            output_->append(head_);
            output_->append("\"choices\":[],\"usage\":");
            json::Writer writer(*output_);
            write_usage(usage, writer);
            output_->append("}\n\n");
        }
    }

    void on_end() override { output_->append("data: [DONE]\n\n"); }
    void on_error(const ProviderError& error) override {
        encode_chat_error_event(error, {}, *output_);
    }

private:
    // Up to and with the quote that opens the text.
    void begin_choice(uint32_t choice) {
        output_->append(head_);
        output_->append("\"choices\":[{\"index\":");
        append_number(choice, *output_);
        output_->append(",\"text\":\"");
    }

    const ReplyContext& context_;
    json::TextOutput* output_;
    Arena* arena_;
    std::string_view head_;
};

}  // namespace

void encode_completions_reply(const Reply& reply,
                              const ReplyContext& context,
                              json::TextOutput& output,
                              Arena&) {
    write_head(reply.start, context, output);
    output.append("\"choices\":[");
    uint32_t index = 0;
    for (const ReplyChoice& choice : reply.choices) {
        output.append(index == 0 ? "{\"index\":" : ",{\"index\":");
        append_number(index, output);
        output.append(",\"text\":\"");
        output.append(choice.text.raw);
        output.append(choice.refusal.raw);
        output.append("\",\"logprobs\":null,\"finish_reason\":\"");
        output.append(reason_name(choice.finish));
        output.append("\"}");
        ++index;
    }
    output.append(']');
    if (reply.usage.is_known()) {
        output.append(",\"usage\":");
        json::Writer writer(output);
        write_usage(reply.usage, writer);
    }
    output.append('}');
}

StreamEncoder& make_completions_stream_encoder(const ReplyContext& context,
                                               json::TextOutput& output,
                                               Arena& arena) {
    return arena.make<CompletionsStreamEncoder>(context, output, arena);
}

}  // namespace sluice::providers
