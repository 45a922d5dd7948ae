// What OpenAI-compatible services send, normalised: the rules were each needed by one of them.
#include "providers/decode_chat_reply.h"

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/vendor.h"

namespace sluice::providers {

using json::Value;

namespace {

// What a choice holds: a piece, all of it, or what came in pieces once more.
enum class Form : uint8_t { delta, whole, repetition };

class ChatReplyDecoder final : public ReplyDecoder {
public:
    ChatReplyDecoder(ReplyOrder& order, const Target& target, Arena& arena)
        : order_(&order),
          arena_(&arena),
          calls_(arena),
          takes_id_(!target.has(Quirk::ids_repeat)) {}

    Status on_message(std::string_view name, std::string_view data, Arena& scratch) override;
    Status on_whole(std::string_view body, Arena& scratch) override;
    void on_end() override { order_->end(); }

private:
    bool take_error(const Value& message, bool is_error, Arena& scratch);
    void take_start(const Value& message);
    void take_usage(const Value& message);
    void take_choice(const Value& choice, uint32_t position, Form form, Arena& scratch);
    void take_content(const Value& content, uint32_t choice, Form form);
    void take_reasoning(const Value& message, uint32_t choice);
    void take_calls(const Value& message, uint32_t choice, Form form, Arena& scratch);
    void take_extensions(const Value& message, uint32_t choice);
    void take_finish(std::string_view reason, uint32_t choice, Arena& scratch);
    void fail(std::string_view code, std::string_view message, Arena& scratch);
    ChatCalls& calls(uint32_t choice);

    ReplyOrder* order_;
    Arena* arena_;
    struct CallsOfChoice {
        ChatCalls* calls = nullptr;
    };

    ArenaList<CallsOfChoice> calls_;
    bool takes_id_;
    bool has_id_ = false;
    bool has_model_ = false;
    bool has_choice_ = false;
};

// Members of a message that go to clients of the same dialect as they are: citations, what
// OpenRouter wants back unchanged, and what models say and paint.
constexpr std::string_view kExtensions[] = {"annotations", "reasoning_details", "images", "audio"};

struct NamedReason {
    std::string_view name;
    FinishReason reason;
};

constexpr NamedReason kReasons[] = {
    {"stop", FinishReason::stop},
    {"length", FinishReason::length},
    {"tool_calls", FinishReason::tool_calls},
    {"function_call", FinishReason::tool_calls},
    {"content_filter", FinishReason::content_filter},
    {"model_length", FinishReason::length},
    {"max_tokens", FinishReason::length},
    {"tool_use", FinishReason::tool_calls},
    {"tool_call", FinishReason::tool_calls},
};

// eos, eos_token, stop_sequence, COMPLETE and whatever comes next all mean an ordinary end.
FinishReason reason_named(std::string_view name) {
    for (const NamedReason& named : kReasons) {
        if (equals_ignoring_case(named.name, name)) {
            return named.reason;
        }
    }
    return FinishReason::stop;
}

void ChatReplyDecoder::fail(std::string_view code, std::string_view message, Arena& scratch) {
    order_->error(
        classify_error(0, {.code = code, .message = message, .is_recognised = true}, scratch));
}

// An error is one even beside choices, and even in a response with status 200.
bool ChatReplyDecoder::take_error(const Value& message, bool is_error, Arena& scratch) {
    const Value& groq = message["x_groq"]["error"];
    if (groq.is_string()) {
        order_->error(classify_error(
            0,
            {.message = json::unescape(groq.text().raw, scratch).value_or(groq.text().raw),
             .is_recognised = true},
            scratch));
        return true;
    }
    if (!is_error && message["error"].is_nothing() && !(message["object"].text() == "error")) {
        return false;
    }
    order_->error(classify_error(0, read_error_words(message, scratch), scratch));
    return true;
}

// The first of each that is not empty counts: Azure begins with empty ones.
void ChatReplyDecoder::take_start(const Value& message) {
    if (has_id_ && has_model_) {
        return;
    }
    const ReplyStart start = {.id = takes_id_ ? message["id"].text() : Text(),
                              .model = message["model"].text(),
                              .created_s = message["created"].integer().value_or(0)};
    has_id_ = has_id_ || !takes_id_ || !start.id.empty();
    has_model_ = has_model_ || !start.model.empty();
    order_->start(start);
}

void ChatReplyDecoder::take_usage(const Value& message) {
    for (const Value* const usage : {&message["x_groq"]["usage"], &message["usage"]}) {
        if (usage->is_object()) {
            Usage read = read_chat_usage(*usage);
            read.tier = service_tier_of(message["service_tier"].text().raw);
            order_->usage(read);
        }
    }
}

ChatCalls& ChatReplyDecoder::calls(uint32_t choice) {
    while (calls_.size() <= choice) {
        const auto next = static_cast<uint32_t>(calls_.size());
        calls_.push_back({&arena_->make<ChatCalls>(*order_, *arena_, next)});
    }
    return *calls_[choice].calls;
}

// vLLM sent both names for a while; one of them is enough.
void ChatReplyDecoder::take_reasoning(const Value& message, uint32_t choice) {
    const Text text = message["reasoning_content"].text();
    order_->reasoning(choice, text.empty() ? message["reasoning"].text() : text);
    for (const Value& block : message["thinking_blocks"]) {
        order_->thinking_block(choice, {.thinking = block["thinking"].text(),
                                        .signature = block["signature"].text(),
                                        .redacted = block["data"].text()});
    }
}

// Mistral writes a list of parts when there is reasoning among them.
void ChatReplyDecoder::take_content(const Value& content, uint32_t choice, Form form) {
    if (content.is_string()) {
        if (form == Form::whole && content.text().empty()) {
            order_->empty_text(choice);
        }
        order_->text(choice, content.text());
    }
    if (!content.is_array()) {
        return;
    }
    for (const Value& part : content) {
        if (part["type"].text() == "text") {
            order_->text(choice, part["text"].text());
        } else if (part["type"].text() == "thinking") {
            order_->reasoning(choice, part["thinking"].text());
            for (const Value& piece : part["thinking"]) {
                order_->reasoning(choice, piece["text"].text());
            }
        }
    }
}

void ChatReplyDecoder::take_calls(const Value& message,
                                  uint32_t choice,
                                  Form form,
                                  Arena& scratch) {
    const Value& list = message["tool_calls"];
    if (list.size() > 0) {
        form == Form::whole ? calls(choice).add_whole(list, scratch)
                            : calls(choice).add_deltas(list, scratch);
    } else if (message["function_call"].is_object()) {
        calls(choice).add_function(message["function_call"], scratch);
    }
}

void ChatReplyDecoder::take_extensions(const Value& message, uint32_t choice) {
    for (const std::string_view key : kExtensions) {
        if (const Value& value = message[key]; value.size() > 0) {
            order_->extension(choice, {.key = key, .value = value.raw()});
        }
    }
}

void ChatReplyDecoder::take_finish(std::string_view reason, uint32_t choice, Arena& scratch) {
    if (reason.empty()) {
        return;
    }
    if (equals_ignoring_case(reason, "error")) {
        fail("500", "The provider failed while it generated the reply.", scratch);
    } else if (reason == "insufficient_system_resource") {
        fail("503", "The provider ran out of resources while it generated the reply.", scratch);
    } else {
        const FinishReason meant = reason_named(reason);
        const bool has_no_calls =
            meant == FinishReason::tool_calls && order_->tool_calls(choice) == 0;
        order_->finish(choice, has_no_calls ? FinishReason::stop : meant);
    }
}

void ChatReplyDecoder::take_choice(const Value& choice,
                                   uint32_t position,
                                   Form form,
                                   Arena& scratch) {
    const int64_t index = choice["index"].integer().value_or(position);
    if (index < 0 || index >= ReplyOrder::kChoicesMax) {
        return;
    }
    const auto number = static_cast<uint32_t>(index);
    const Value& message = choice[form == Form::whole ? "message" : "delta"];
    has_choice_ = true;
    if (form != Form::repetition) {
        take_reasoning(message, number);
        take_content(message["content"], number, form);
        order_->refusal(number, message["refusal"].text());
        take_calls(message, number, form, scratch);
        take_extensions(message, number);
        if (choice["logprobs"].is_object()) {
            order_->logprobs(number, choice["logprobs"].raw());
        }
    }
    take_finish(choice["finish_reason"].text().raw, number, scratch);
    // Moonshot.
    take_usage(choice);
}

Status ChatReplyDecoder::on_message(std::string_view name, std::string_view data, Arena& scratch) {
    data = trim_ows(data);
    if (data.empty()) {
        return {};
    }
    if (data == "[DONE]") {
        has_choice_ ? order_->complete()
                    : order_->error(invalid_reply("The upstream's stream held no choices."));
        return {};
    }
    TRY(const Value* const tree, Value::parse(data, scratch, ErrorSource::upstream));
    const Value& chunk = *tree;
    if (take_error(chunk, name == "error", scratch)) {
        return {};
    }
    take_start(chunk);
    // Perplexity ends with an event that repeats the whole message.
    const bool is_repetition = chunk["object"].text() == "chat.completion.done";
    const Form form = is_repetition ? Form::repetition : Form::delta;
    uint32_t position = 0;
    for (const Value& choice : chunk["choices"]) {
        take_choice(choice, position, form, scratch);
        ++position;
    }
    take_usage(chunk);
    return {};
}

Status ChatReplyDecoder::on_whole(std::string_view body, Arena& scratch) {
    TRY(const Value* const tree, Value::parse(body, scratch, ErrorSource::upstream));
    const Value& reply = *tree;
    if (take_error(reply, false, scratch)) {
        return {};
    }
    if (reply["choices"].size() == 0) {
        order_->error(invalid_reply("The upstream's reply holds no choices."));
        return {};
    }
    take_start(reply);
    uint32_t position = 0;
    for (const Value& choice : reply["choices"]) {
        take_choice(choice, position, Form::whole, scratch);
        ++position;
    }
    take_usage(reply);
    order_->complete();
    return {};
}

}  // namespace

ReplyDecoder& make_chat_decoder(ReplyOrder& order, const Target& target, Arena& arena) {
    return arena.make<ChatReplyDecoder>(order, target, arena);
}

}  // namespace sluice::providers
