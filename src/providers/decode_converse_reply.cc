// Replies of Converse: whole, and as the events of ConverseStream.
//
// Blocks are counted over all kinds, and only those of tools announce themselves; a block of text
// or reasoning begins with its first delta. Usage comes after the stop reason.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/result.h"
#include "json/compact.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/converse.h"
#include "providers/emulated_json.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

using json::Value;

constexpr uint32_t kChoice = 0;  // There is one only.
// A provider that has more blocks open at once has forgotten to close them.
constexpr size_t kOpenBlocksMax = 64;

// A block whose end has not come.
struct OpenBlock {
    enum class Kind : uint8_t {
        content,     // Text or reasoning.
        call,        // Of a tool of the client's.
        answer,      // Of the tool that stands for JSON output: its arguments are the text.
        held_answer  // Likewise, once they are complete.
    };

    int64_t index = 0;
    Kind kind = Kind::content;
    uint32_t call = 0;
    json::ArenaText* gathered = nullptr;  // Reasoning, or arguments that are held.
    Text signature = {};
};

class ConverseReplyDecoder final : public ReplyDecoder {
public:
    ConverseReplyDecoder(ReplyOrder& order, Arena& arena)
        : order_(&order), arena_(&arena), blocks_(arena) {}

    Status on_message(std::string_view name, std::string_view data, Arena& scratch) override;
    Status on_whole(std::string_view body, Arena& scratch) override;
    void on_end() override { order_->end(); }

private:
    OpenBlock& block_at(const Value& event);
    void start_block(const Value& event);
    void read_delta(const Value& event);
    void read_reasoning_delta(const Value& reasoning, OpenBlock& block);
    void read_input_delta(Text fragment, OpenBlock& block);
    void stop_block(const Value& event, Arena& scratch);
    void gather(Text text, OpenBlock& block);

    void read_block(const Value& block, Arena& scratch);
    void read_reasoning(const Value& reasoning);
    void read_tool_use(const Value& use, Arena& scratch);
    void read_citations(const Value& citations);
    void read_stop_reason(Text reason);
    void read_usage(const Value& usage);

    ReplyOrder* order_;
    Arena* arena_;
    ArenaList<OpenBlock> blocks_;  // Hardly ever more than one.
};

Status ConverseReplyDecoder::on_message(std::string_view name,
                                        std::string_view data,
                                        Arena& scratch) {
    if (const auto words = read_aws_failure(name, data, scratch)) {
        order_->error(classify_error(0, *words, scratch));
        return {};
    }
    TRY(const Value* const tree, Value::parse(data, scratch, ErrorSource::upstream));
    const Value& event = *tree;
    if (name == "contentBlockDelta") {
        read_delta(event);
    } else if (name == "contentBlockStart") {
        start_block(event);
    } else if (name == "contentBlockStop") {
        stop_block(event, scratch);
    } else if (name == "messageStop") {
        read_stop_reason(event["stopReason"].text());
    } else if (name == "metadata") {
        read_usage(event["usage"]);
    }
    return {};
}

// The open block that an event belongs to; a new one of text or reasoning when there is none.
OpenBlock& ConverseReplyDecoder::block_at(const Value& event) {
    const int64_t index = event["contentBlockIndex"].integer().value_or(0);
    auto* const found = std::ranges::find(blocks_.begin(), blocks_.end(), index, &OpenBlock::index);
    if (found != blocks_.end()) {
        return *found;
    }
    if (blocks_.size() == kOpenBlocksMax) {
        blocks_.clear();
    }
    return blocks_.push_back({.index = index});
}

void ConverseReplyDecoder::start_block(const Value& event) {
    const Value& use = event["start"]["toolUse"];
    if (!use.is_object()) {
        return;
    }
    OpenBlock& block = block_at(event);
    const Text name = use["name"].text();
    if (is_json_tool(name)) {
        block.kind = name == kJsonTool ? OpenBlock::Kind::answer : OpenBlock::Kind::held_answer;
        return;
    }
    block.kind = OpenBlock::Kind::call;
    block.call = order_->tool_call(kChoice, {.id = use["toolUseId"].text(), .name = name});
}

void ConverseReplyDecoder::read_delta(const Value& event) {
    OpenBlock& block = block_at(event);
    for (const Value& delta : event["delta"]) {
        const Text kind = delta.key();
        if (kind == "text") {
            order_->text(kChoice, delta.text());
        } else if (kind == "toolUse") {
            read_input_delta(delta["input"].text(), block);
        } else if (kind == "reasoningContent") {
            read_reasoning_delta(delta, block);
        }
    }
}

void ConverseReplyDecoder::read_reasoning_delta(const Value& reasoning, OpenBlock& block) {
    const Text text = reasoning["text"].text();
    order_->reasoning(kChoice, text);
    gather(text, block);
    if (const Text signature = reasoning["signature"].text(); !signature.empty()) {
        block.signature = {arena_->copy(signature.raw)};
    }
    if (const Text redacted = reasoning["redactedContent"].text(); !redacted.empty()) {
        order_->thinking_block(kChoice, {.redacted = redacted});
    }
}

void ConverseReplyDecoder::read_input_delta(Text fragment, OpenBlock& block) {
    switch (block.kind) {
        case OpenBlock::Kind::content:
            return;
        case OpenBlock::Kind::call:
            order_->arguments(kChoice, block.call, fragment);
            return;
        case OpenBlock::Kind::answer:
            order_->text(kChoice, fragment);
            return;
        case OpenBlock::Kind::held_answer:
            gather(fragment, block);
            return;
    }
}

void ConverseReplyDecoder::gather(Text text, OpenBlock& block) {
    if (text.empty()) {
        return;
    }
    if (block.gathered == nullptr) {
        block.gathered = &arena_->make<json::ArenaText>(*arena_, size_t{512});
    }
    block.gathered->append(text.raw);
}

void ConverseReplyDecoder::stop_block(const Value& event, Arena& scratch) {
    OpenBlock& block = block_at(event);
    const Text gathered = {block.gathered == nullptr ? std::string_view() : block.gathered->view()};
    if (block.kind == OpenBlock::Kind::call) {
        order_->tool_call_end(kChoice, block.call);
    } else if (block.kind == OpenBlock::Kind::held_answer) {
        order_->text(kChoice, unwrap_json_value(gathered, scratch));
    } else if (!block.signature.empty()) {
        order_->thinking_block(kChoice, {.thinking = gathered, .signature = block.signature});
    }
    block = blocks_.back();
    blocks_.remove_last();
}

Status ConverseReplyDecoder::on_whole(std::string_view body, Arena& scratch) {
    TRY(const Value* const tree, Value::parse(body, scratch, ErrorSource::upstream));
    const Value& message = (*tree)["output"]["message"];
    if (!message.is_object()) {
        return fail({.kind = ErrorKind::malformed,
                     .source = ErrorSource::upstream,
                     .where = "the reply holds no message"});
    }
    for (const Value& block : message["content"]) {
        read_block(block, scratch);
    }
    read_stop_reason((*tree)["stopReason"].text());
    read_usage((*tree)["usage"]);
    return {};
}

void ConverseReplyDecoder::read_block(const Value& block, Arena& scratch) {
    for (const Value& content : block) {
        const Text kind = content.key();
        if (kind == "text") {
            order_->text(kChoice, content.text());
        } else if (kind == "toolUse") {
            read_tool_use(content, scratch);
        } else if (kind == "reasoningContent") {
            read_reasoning(content);
        } else if (kind == "citationsContent") {
            read_citations(content);
        }
    }
}

void ConverseReplyDecoder::read_reasoning(const Value& reasoning) {
    const Value& plain = reasoning["reasoningText"];
    order_->reasoning(kChoice, plain["text"].text());
    if (!plain["signature"].text().empty()) {
        order_->thinking_block(
            kChoice, {.thinking = plain["text"].text(), .signature = plain["signature"].text()});
    }
    if (const Text redacted = reasoning["redactedContent"].text(); !redacted.empty()) {
        order_->thinking_block(kChoice, {.redacted = redacted});
    }
}

void ConverseReplyDecoder::read_tool_use(const Value& use, Arena& scratch) {
    const Text name = use["name"].text();
    const Text input = json::compact_text(use["input"].raw(), scratch);
    if (is_json_tool(name)) {
        order_->text(kChoice, name == kJsonTool ? input : unwrap_json_value(input, scratch));
        return;
    }
    const uint32_t call = order_->tool_call(kChoice, {.id = use["toolUseId"].text(), .name = name});
    order_->arguments(kChoice, call, input);
    order_->tool_call_end(kChoice, call);
}

// A text whose pieces are told where they come from.
void ConverseReplyDecoder::read_citations(const Value& citations) {
    for (const Value& piece : citations["content"]) {
        order_->text(kChoice, piece["text"].text());
    }
}

void ConverseReplyDecoder::read_stop_reason(Text reason) {
    if (reason == "max_tokens" || reason == "model_context_window_exceeded") {
        order_->finish(kChoice, FinishReason::length);
    } else if (reason == "guardrail_intervened" || reason == "content_filtered") {
        order_->finish(kChoice, FinishReason::content_filter);
    } else if ((reason == "malformed_model_output" || reason == "malformed_tool_use") &&
               !order_->has_started()) {
        // Nothing of it can be used, but the next try may go better.
        order_->error(invalid_reply("The model's output was malformed."));
    } else {
        // Whether there were calls is known: the tool that stands for JSON output is none.
        order_->finish(kChoice, FinishReason::stop);
    }
}

// What was read from and written to the cache is not part of inputTokens there.
void ConverseReplyDecoder::read_usage(const Value& usage) {
    if (!usage.is_object()) {
        return;
    }
    const auto count = [&usage](std::string_view key) {
        return std::max<int64_t>(0, usage[key].integer().value_or(0));
    };
    const int64_t cached = count("cacheReadInputTokens");
    const int64_t written = count("cacheWriteInputTokens");
    order_->usage({.prompt_tokens = count("inputTokens") + cached + written,
                   .completion_tokens = count("outputTokens"),
                   .cached_tokens = cached,
                   .cache_write_tokens = written});
}

}  // namespace

ReplyDecoder& make_converse_decoder(ReplyOrder& order, const Target&, Arena& arena) {
    return arena.make<ConverseReplyDecoder>(order, arena);
}

}  // namespace sluice::providers
