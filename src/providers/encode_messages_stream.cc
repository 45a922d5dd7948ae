// A reply as the events of Anthropic's stream.
//
// Anthropic's blocks follow each other, one open at a time; elsewhere tool calls may be told in
// turns. So while the arguments of the open call are not complete, everything else is held back,
// and told in its order afterwards. A call without arguments gets them from ReplyOrder at the end.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/arguments_scan.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/messages.h"
#include "providers/messages_output.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/tool_names.h"

namespace sluice::providers {

namespace {

enum class Block : uint8_t { none, text, thinking, tool };

constexpr std::string_view kTextDelta = R"("text_delta","text":")";
constexpr std::string_view kThinkingDelta = R"("thinking_delta","thinking":")";
constexpr std::string_view kSignatureDelta = R"("signature_delta","signature":")";
constexpr std::string_view kInputDelta = R"("input_json_delta","partial_json":")";

class MessagesStreamEncoder final : public StreamEncoder {
public:
    MessagesStreamEncoder(const ReplyContext& context, json::TextOutput& output, Arena& arena)
        : context_(context), output_(&output), arena_(&arena), held_(arena) {}

    void on_start(const ReplyStart& start) override {
        json::Writer writer = begin_event("message_start");
        writer.key("message").begin_object();
        write_messages_head(start, context_, *output_, writer);
        writer.key("content").begin_array().end_array();
        writer.key("stop_reason").null().key("stop_sequence").null().key("usage");
        write_messages_usage({}, writer);
        writer.end_object();
        end_event(writer);
    }

    void on_text(uint32_t choice, Text text) override {
        if (is_told(choice)) {
            is_blocked() ? hold(Block::text, text) : tell_text(text);
        }
    }

    void on_refusal(uint32_t choice, Text text) override {
        has_refused_ = has_refused_ || choice == 0;
        on_text(choice, text);
    }

    void on_reasoning(uint32_t choice, Text text) override {
        if (is_told(choice)) {
            is_blocked() ? hold(Block::thinking, text) : tell_reasoning(text);
        }
    }

    void on_thinking_block(uint32_t choice, const ThinkingBlock& block) override {
        if (!is_told(choice)) {
            return;
        }
        if (is_blocked()) {
            held_.push_back({.type = Block::none,
                             .block = {.thinking = keep(block.thinking),
                                       .signature = keep(block.signature),
                                       .redacted = keep(block.redacted)}});
        } else {
            tell_thinking_block(block);
        }
    }

    void on_tool_call(uint32_t choice, uint32_t call, const ToolCallStart& start) override {
        if (!is_told(choice)) {
            return;
        }
        if (is_blocked()) {
            held_.push_back({.type = Block::tool,
                             .call = call,
                             .start = {.id = keep(start.id), .name = keep(start.name)},
                             .text = &arena_->make<json::ArenaText>(*arena_, kHeldBytes)});
        } else {
            tell_tool_call(call, start);
        }
    }

    void on_arguments(uint32_t choice, uint32_t call, Text fragment) override {
        if (!is_told(choice)) {
            return;
        }
        if (block_ == Block::tool && call == call_) {
            tell_arguments(fragment);
            tell_held(false);
            return;
        }
        // A call that is neither open nor held back was complete.
        for (Held& held : held_.view().subspan(held_begin_)) {
            if (held.type == Block::tool && held.call == call) {
                held.text->append(fragment.raw);
            }
        }
    }

    void on_logprobs(uint32_t, std::string_view) override {}

    void on_finish(uint32_t choice, FinishReason reason) override {
        if (is_told(choice)) {
            tell_held(true);
            close_block();
            reason_ = reason;
        }
    }

    void on_usage(const Usage& usage) override { usage_ = usage; }

    void on_end() override {
        json::Writer writer = begin_event("message_delta");
        writer.key("delta").begin_object().key("stop_reason");
        writer.string(messages_stop_reason(reason_, has_refused_));
        writer.key("stop_sequence").null().end_object().key("usage");
        write_messages_usage(usage_, writer);
        end_event(writer);
        json::Writer last = begin_event("message_stop");
        end_event(last);
    }

    void on_error(const ProviderError& error) override {
        encode_messages_error_event(error, {}, *output_);
    }

private:
    static constexpr size_t kHeldBytes = 128;

    struct Held {
        Block type = Block::none;  // none: a complete block of reasoning.
        uint32_t call = 0;
        ToolCallStart start = {};
        ThinkingBlock block = {};
        json::ArenaText* text = nullptr;
    };

    // A message has one choice.
    static bool is_told(uint32_t choice) { return choice == 0; }
    bool is_blocked() const { return block_ == Block::tool && !scan_.is_complete(); }
    Text keep(Text text) { return {arena_->copy(text.raw)}; }

    void hold(Block type, Text text) {
        const bool has_such = held_.size() > held_begin_ && held_.back().type == type;
        if (!has_such) {
            held_.push_back(
                {.type = type, .text = &arena_->make<json::ArenaText>(*arena_, kHeldBytes)});
        }
        held_.back().text->append(text.raw);
    }

    // Until a call blocks again, or all of it.
    void tell_held(bool all) {
        while (held_begin_ < held_.size() && (all || !is_blocked())) {
            const Held held = held_[held_begin_++];
            switch (held.type) {
                case Block::none:
                    tell_thinking_block(held.block);
                    break;
                case Block::text:
                    tell_text({held.text->view()});
                    break;
                case Block::thinking:
                    tell_reasoning({held.text->view()});
                    break;
                case Block::tool:
                    tell_tool_call(held.call, held.start);
                    tell_arguments({held.text->view()});
                    break;
            }
        }
    }

    void tell_text(Text text) {
        open_block(Block::text, R"({"type":"text","text":""})");
        tell_delta(kTextDelta, text);
    }

    void tell_reasoning(Text text) {
        open_block(Block::thinking, R"({"type":"thinking","thinking":"","signature":""})");
        tell_delta(kThinkingDelta, text);
    }

    void tell_thinking_block(const ThinkingBlock& block) {
        if (block.redacted.empty()) {
            open_block(Block::thinking, R"({"type":"thinking","thinking":"","signature":""})");
            tell_delta(kSignatureDelta, block.signature);
        } else {
            close_block();
            json::Writer writer = begin_block_start();
            writer.begin_object().key("type").string("redacted_thinking");
            writer.key("data").text(block.redacted.raw).end_object();
            end_event(writer);
            block_ = Block::thinking;
        }
        close_block();
    }

    void tell_tool_call(uint32_t call, const ToolCallStart& start) {
        close_block();
        json::Writer writer = begin_block_start();
        writer.begin_object().key("type").string("tool_use").key("id").text(start.id.raw);
        writer.key("name").text(client_tool_name(start.name, context_.renamed_tools).raw);
        writer.key("input").begin_object().end_object().end_object();
        end_event(writer);
        block_ = Block::tool;
        call_ = call;
        scan_ = {};
    }

    void tell_arguments(Text fragment) {
        if (!fragment.empty()) {
            scan_.feed(fragment);
            tell_delta(kInputDelta, fragment);
        }
    }

    void open_block(Block block, std::string_view json) {
        if (block_ == block) {
            return;
        }
        close_block();
        json::Writer writer = begin_block_start();
        writer.raw(json);
        end_event(writer);
        block_ = block;
    }

    void close_block() {
        if (block_ == Block::none) {
            return;
        }
        json::Writer writer = begin_event("content_block_stop");
        writer.key("index").unsigned_integer(index_);
        end_event(writer);
        block_ = Block::none;
        ++index_;
    }

    // The events that nearly all of a stream consists of.
    void tell_delta(std::string_view type_and_key, Text text) {
        constexpr size_t kDigitsMax = 20;
        output_->append(
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
        output_->commit(write_decimal(index_, output_->room(kDigitsMax)));
        output_->append(",\"delta\":{\"type\":");
        output_->append(type_and_key);
        output_->append(text.raw);
        output_->append("\"}}\n\n");
    }

    json::Writer begin_block_start() {
        json::Writer writer = begin_event("content_block_start");
        writer.key("index").unsigned_integer(index_).key("content_block");
        return writer;
    }

    json::Writer begin_event(std::string_view type) {
        output_->append("event: ");
        output_->append(type);
        output_->append("\ndata: ");
        json::Writer writer(*output_);
        writer.begin_object().key("type").string(type);
        return writer;
    }

    void end_event(json::Writer& writer) {
        writer.end_object();
        output_->append("\n\n");
    }

    ReplyContext context_;
    json::TextOutput* output_;
    Arena* arena_;
    Block block_ = Block::none;
    uint32_t index_ = 0;  // Of the open block, else of the next.
    uint32_t call_ = 0;
    ArgumentsScan scan_;
    ArenaList<Held> held_;
    size_t held_begin_ = 0;
    FinishReason reason_ = FinishReason::stop;
    bool has_refused_ = false;
    Usage usage_;
};

}  // namespace

StreamEncoder& make_messages_stream_encoder(const ReplyContext& context,
                                            json::TextOutput& output,
                                            Arena& arena) {
    if (context.passes_on) {
        return make_passing_messages_encoder(output, arena);
    }
    return arena.make<MessagesStreamEncoder>(context, output, arena);
}

}  // namespace sluice::providers
