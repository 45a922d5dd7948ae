// Gathering what is told, and asking for the rest of it.
#include "pipeline/continuation.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "pipeline/translated.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::pipeline {

namespace {

using providers::ChatRequest;
using providers::FormatKind;
using providers::Message;
using providers::Part;
using providers::Role;
using providers::Text;

// Members of engines that prescribe the form of an answer, or what its beginning is.
constexpr auto kPrescribing = std::to_array<std::string_view>(
    {"guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "ebnf",
     "regex", "json_schema", "grammar", "continue_final_message", "echo", "min_tokens",
     "prompt_logprobs", "return_token_ids", "store", "background"});

// Of a text that is escaped as inside a JSON string: how long a space at its beginning is, and at
// its end; 0 for none.
size_t space_at_begin(std::string_view text) {
    if (text.starts_with(' ')) {
        return 1;
    }
    return text.starts_with("\\n") || text.starts_with("\\t") || text.starts_with("\\r") ? 2 : 0;
}

size_t space_at_end(std::string_view text) {
    if (text.ends_with(' ')) {
        return 1;
    }
    if (!text.ends_with("\\n") && !text.ends_with("\\t") && !text.ends_with("\\r")) {
        return 0;
    }
    // An escaped backslash with a letter behind it is no space.
    const std::string_view before = text.substr(0, text.size() - 1);
    const size_t last_other = before.find_last_not_of('\\');
    const size_t backslashes = before.size() - (last_other == before.npos ? 0 : last_other + 1);
    return backslashes % 2 == 1 ? 2 : 0;
}

// What is left of the limit, where there is one.
std::string_view rest_of_limit(std::string_view max_tokens, int64_t told, Arena& arena) {
    const std::optional<uint64_t> limit = parse_decimal(max_tokens);
    if (!limit) {
        return max_tokens;
    }
    const uint64_t used = std::min(static_cast<uint64_t>(told), *limit);
    return arena.copy(std::to_string(std::max<uint64_t>(*limit - used, 1)));
}

}  // namespace

bool Continuation::can_follow(const ChatRequest& request) {
    const bool is_one = parse_decimal(request.n).value_or(1) <= 1;
    const bool is_free = request.response_format.kind == FormatKind::absent ||
                         request.response_format.kind == FormatKind::text;
    const bool has_begun =
        request.messages.empty() || request.messages.back().role == Role::assistant;
    return is_one && is_free && !has_begun && !request.logprobs.value_or(false) &&
           std::ranges::none_of(request.others, [](const providers::Member& member) {
               return std::ranges::find(kPrescribing, member.key) != kPrescribing.end() &&
                      member.value != "false" && member.value != "null";
           });
}

providers::StreamEncoder& Continuation::encoder(const Translated& translated, Arena& arena) {
    holds_error_ = false;
    if (encoder_ == nullptr) {
        context_ = translated.context;
        encoder_ = &translated.client->make_stream_encoder(context_, output_, arena);
    }
    return *encoder_;
}

const ChatRequest* Continuation::continued(const ChatRequest* request, Arena& arena) {
    std::string_view told = told_;
    // Templates and services take it off, or refuse it; the model writes it again.
    while (const size_t space = space_at_end(told)) {
        told.remove_suffix(space);
    }
    cut_ = arena.copy(std::string_view(told_).substr(told.size()));
    given_tokens_ = told.empty() ? 0 : told_tokens_;
    if (told.empty()) {
        return request;
    }
    const std::span<Part> parts = arena.allocate_array<Part>(1);
    parts[0] = {.text = {arena.copy(told)}};
    const std::span<Message> messages = arena.allocate_array<Message>(request->messages.size() + 1);
    std::ranges::copy(request->messages, messages.begin());
    messages.back() = {.role = Role::assistant, .parts = parts, .is_plain = true};
    auto& next = arena.make<ChatRequest>(*request);
    next.messages = messages;
    next.continues_answer = true;
    next.max_tokens = rest_of_limit(request->max_tokens, told_tokens_, arena);
    return &next;
}

void Continuation::give_up(const providers::ProviderError& error) {
    if (encoder_ != nullptr) {
        encoder_->on_error(error);
    }
}

// --- What is told.

void Continuation::on_start(const providers::ReplyStart& start) {
    if (!has_started()) {
        start_next(start);
    }
}

// What the next one writes of the space that it was not given is there already.
std::string_view Continuation::without_repeated_space(std::string_view text) {
    while (!cut_.empty()) {
        const size_t space = space_at_begin(text);
        if (space == 0) {
            cut_ = text.empty() ? cut_ : std::string_view();
            break;
        }
        const bool is_same = cut_.starts_with(text.substr(0, space));
        if (!is_same) {
            cut_ = {};
            break;
        }
        cut_.remove_prefix(space);
        text.remove_prefix(space);
    }
    return text;
}

void Continuation::on_text(uint32_t choice, Text text) {
    text.raw = without_repeated_space(text.raw);
    if (text.raw.empty()) {
        return;
    }
    if (choice != 0 || told_.size() + text.raw.size() > kTextBytesMax) {
        end_plain();
    }
    if (is_plain_) {
        told_ += text.raw;
        ++told_tokens_;
    }
    next().on_text(choice, text);
}

void Continuation::end_plain() {
    is_plain_ = false;
    told_ = {};
}

void Continuation::on_reasoning(uint32_t choice, Text text) {
    end_plain();
    next().on_reasoning(choice, text);
}

void Continuation::on_thinking_block(uint32_t choice, const providers::ThinkingBlock& block) {
    end_plain();
    next().on_thinking_block(choice, block);
}

void Continuation::on_refusal(uint32_t choice, Text text) {
    end_plain();
    next().on_refusal(choice, text);
}

void Continuation::on_tool_call(uint32_t choice,
                                uint32_t call,
                                const providers::ToolCallStart& start) {
    end_plain();
    next().on_tool_call(choice, call, start);
}

void Continuation::on_logprobs(uint32_t choice, std::string_view json) {
    end_plain();
    next().on_logprobs(choice, json);
}

void Continuation::on_finish(uint32_t choice, providers::FinishReason reason) {
    end_plain();
    next().on_finish(choice, reason);
}

// As if one target had written all of it.
void Continuation::on_usage(const providers::Usage& usage) {
    providers::Usage all = usage;
    if (given_tokens_ > 0 && usage.is_known()) {
        const int64_t given = std::min(given_tokens_, std::max<int64_t>(usage.prompt_tokens, 0));
        all.prompt_tokens -= given;
        all.completion_tokens = std::max<int64_t>(usage.completion_tokens, 0) + given;
        all.cached_tokens = std::min(all.cached_tokens, all.prompt_tokens);
    }
    next().on_usage(all);
}

void Continuation::on_error(const providers::ProviderError& error) {
    if (is_plain_) {
        holds_error_ = true;
    } else {
        next().on_error(error);
    }
}

}  // namespace sluice::pipeline
