// Reads replies of Anthropic's Messages API: their events, and whole messages as if they were told
// in events.
//
// Blocks come one after the other, so the state is the block that is open. Blocks, deltas and
// events that nobody here knows pass by. Only message_stop makes a stream complete.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/compact.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/emulated_json.h"
#include "providers/messages.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

using json::Value;

enum class Block : uint8_t {
    none,
    text,
    thinking,
    tool,
    json_answer,   // Arguments of the tool that stands for a JSON mode.
    json_wrapped,  // Likewise, with the answer inside.
    passed_by,     // What Anthropic's own tools do, and whatever is unknown.
};

FinishReason finish_reason(json::Text reason) {
    if (reason == "max_tokens" || reason == "model_context_window_exceeded") {
        return FinishReason::length;
    }
    if (reason == "tool_use") {
        return FinishReason::tool_calls;
    }
    return reason == "refusal" ? FinishReason::content_filter : FinishReason::stop;
}

class MessagesDecoder final : public ReplyDecoder {
public:
    MessagesDecoder(ReplyOrder& order, Arena& arena) : order_(&order), arena_(&arena) {}

    Status on_message(std::string_view name, std::string_view data, Arena& scratch) override {
        if (const auto words = read_aws_failure(name, data, scratch)) {
            order_->error(classify_error(0, *words, scratch));
            return {};
        }
        TRY(const Value* const event, Value::parse(data, scratch, ErrorSource::upstream));
        const json::Text type = (*event)["type"].text();
        on_event(type.empty() ? name : type.raw, *event, scratch);
        return {};
    }

    Status on_whole(std::string_view body, Arena& scratch) override {
        TRY(const Value* const message, Value::parse(body, scratch, ErrorSource::upstream));
        const Value& content = (*message)["content"];
        if (!content.is_array()) {
            const ErrorWords words = read_error_words(*message, scratch);
            order_->error(words.is_recognised
                              ? classify_error(0, words, scratch)
                              : invalid_reply("The upstream's reply has no content."));
            return {};
        }
        start(*message);
        for (const Value& block : content) {
            begin_block(block);
            end_block(scratch);
        }
        end_message(*message, (*message)["usage"]);
        complete();
        return {};
    }

    void on_end() override { order_->end(); }

private:
    void on_event(std::string_view type, const Value& event, Arena& scratch) {
        if (type == "content_block_delta") {
            on_delta(event["delta"]);
        } else if (type == "content_block_start") {
            begin_block(event["content_block"]);
        } else if (type == "content_block_stop") {
            end_block(scratch);
        } else if (type == "message_start") {
            start(event["message"]);
            take_usage(event["message"]["usage"]);
        } else if (type == "message_delta") {
            end_message(event["delta"], event["usage"]);
        } else if (type == "message_stop") {
            complete();
            // Without waiting for the connection.
            order_->end();
        } else if (type == "error") {
            order_->error(classify_error(0, read_error_words(event, scratch), scratch));
        }
    }

    void start(const Value& message) {
        order_->start({.id = message["id"].text(), .model = message["model"].text()});
    }

    // A block of a whole message has its content already.
    void begin_block(const Value& block) {
        const json::Text type = block["type"].text();
        if (type == "text") {
            block_ = Block::text;
            order_->text(0, block["text"].text());
        } else if (type == "thinking") {
            block_ = Block::thinking;
            gathered_ = &arena_->make<json::ArenaText>(*arena_);
            signature_ = {arena_->copy(block["signature"].text().raw)};
            think(block["thinking"].text());
        } else if (type == "redacted_thinking") {
            block_ = Block::passed_by;
            order_->thinking_block(0, {.redacted = block["data"].text()});
        } else if (type == "tool_use") {
            begin_tool(block);
        } else {
            block_ = Block::passed_by;
            order_->start({}, true);  // Content, though nobody else has words for it.
        }
    }

    void begin_tool(const Value& block) {
        const json::Text name = block["name"].text();
        const Value& input = block["input"];
        // Streams give it in deltas, and begin with an empty one.
        input_ = input.is_object() && input.size() > 0
                     ? json::escape(json::compact(input.raw(), *arena_), *arena_)
                     : json::Text();
        if (is_json_tool(name)) {
            block_ = name == kJsonTool ? Block::json_answer : Block::json_wrapped;
            gathered_ = &arena_->make<json::ArenaText>(*arena_);
            return;
        }
        block_ = Block::tool;
        call_ = order_->tool_call(0, {.id = block["id"].text(), .name = name});
    }

    void on_delta(const Value& delta) {
        const json::Text type = delta["type"].text();
        if (type == "text_delta" && block_ == Block::text) {
            order_->text(0, delta["text"].text());
        } else if (type == "input_json_delta") {
            take_input(delta["partial_json"].text());
        } else if (type == "thinking_delta" && block_ == Block::thinking) {
            think(delta["thinking"].text());
        } else if (type == "signature_delta" && block_ == Block::thinking) {
            signature_ = {arena_->copy(delta["signature"].text().raw)};
        }
    }

    void think(json::Text text) {
        gathered_->append(text.raw);
        order_->reasoning(0, text);
    }

    void take_input(json::Text fragment) {
        if (fragment.empty()) {
            return;
        }
        input_ = {};
        if (block_ == Block::tool) {
            order_->arguments(0, call_, fragment);
        } else if (block_ == Block::json_answer) {
            order_->text(0, fragment);
        } else if (block_ == Block::json_wrapped) {
            gathered_->append(fragment.raw);
        }
    }

    void end_block(Arena& scratch) {
        take_input(input_);
        if (block_ == Block::thinking && !signature_.empty()) {
            order_->thinking_block(0, {.thinking = {gathered_->view()}, .signature = signature_});
        } else if (block_ == Block::tool) {
            order_->tool_call_end(0, call_);
        } else if (block_ == Block::json_wrapped) {
            order_->text(0, unwrap_json_value({gathered_->view()}, scratch));
        }
        block_ = Block::none;
    }

    // The reason is kept: a stream that ends without message_stop was cut.
    void end_message(const Value& end, const Value& usage) {
        const json::Text reason = end["stop_reason"].text();
        if (!reason.empty()) {
            finish_ = finish_reason(reason);
        }
        order_->refusal(0, end["stop_details"]["explanation"].text());
        take_usage(usage);
    }

    void complete() {
        // A call that stood for a JSON answer is none.
        const bool has_calls = order_->tool_calls(0) > 0;
        const bool is_stop = finish_ == FinishReason::tool_calls && !has_calls;
        order_->finish(0, is_stop ? FinishReason::stop : finish_);
        order_->complete();
    }

    // What is null or absent leaves what was said before.
    void take_usage(const Value& usage) {
        const auto take = [](int64_t& known, const Value& count) {
            known = std::max<int64_t>(0, count.integer().value_or(known));
        };
        if (!usage.is_object()) {
            return;
        }
        take(input_tokens_, usage["input_tokens"]);
        take(cache_write_tokens_, usage["cache_creation_input_tokens"]);
        take(cache_write_1h_tokens_, usage["cache_creation"]["ephemeral_1h_input_tokens"]);
        take(cached_tokens_, usage["cache_read_input_tokens"]);
        take(output_tokens_, usage["output_tokens"]);
        order_->usage(
            {.prompt_tokens = input_tokens_ + cache_write_tokens_ + cached_tokens_,
             .completion_tokens = output_tokens_,
             .cached_tokens = cached_tokens_,
             .cache_write_tokens = cache_write_tokens_,
             .cache_write_1h_tokens = cache_write_1h_tokens_ > 0 ? cache_write_1h_tokens_ : -1,
             .reasoning_tokens =
                 usage["output_tokens_details"]["thinking_tokens"].integer().value_or(-1),
             .tier = service_tier_of(usage["service_tier"].text().raw)});
    }

    ReplyOrder* order_;
    Arena* arena_;
    Block block_ = Block::none;
    uint32_t call_ = 0;
    json::Text input_;  // Of a call, when it came with the start of its block.
    json::Text signature_;
    json::ArenaText* gathered_ = nullptr;  // Of a block that is told again when it is complete.
    FinishReason finish_ = FinishReason::stop;
    int64_t input_tokens_ = 0;
    int64_t cache_write_tokens_ = 0;
    int64_t cache_write_1h_tokens_ = 0;  // Of those.
    int64_t cached_tokens_ = 0;
    int64_t output_tokens_ = 0;
};

}  // namespace

ReplyDecoder& make_messages_decoder(ReplyOrder& order, const Target&, Arena& arena) {
    return arena.make<MessagesDecoder>(order, arena);
}

extern constinit const UpstreamDialect kMessagesUpstream = {
    .id = Dialect::messages,
    .framing = Framing::sse,
    .encode_request = encode_messages_request,
    .make_decoder = make_messages_decoder,
};

// Bedrock wraps the events, and its own failures come between them.
extern constinit const UpstreamDialect kInvokeMessagesUpstream = {
    .id = Dialect::invoke_messages,
    .framing = Framing::aws_chunks,
    .encode_request = encode_messages_request,
    .make_decoder = make_messages_decoder,
};

}  // namespace sluice::providers
