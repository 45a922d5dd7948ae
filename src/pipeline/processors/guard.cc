// Prompts: found, then refused or edited by ranges; what the webhook says of prompts and answers.
#include "pipeline/processors/guard.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "coro/task.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "pipeline/guard_options.h"
#include "pipeline/guard_rules.h"
#include "pipeline/json_text.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "pipeline/processors/guard_reply.h"
#include "pipeline/processors/guard_webhook.h"
#include "pipeline/prompt_texts.h"
#include "pipeline/request_body.h"
#include "pipeline/text_rules.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kWebhookRule = "webhook";

class GuardFactory final : public ProcessorFactory {
public:
    GuardFactory(const GuardOptions& options, std::string_view name)
        : parts_{.options = options, .name = name, .rules = {}, .webhook = {}} {
        auto rules = compile_guard_rules(options);
        SLUICE_ASSERT(rules.has_value());
        parts_.rules = *std::move(rules);
    }

    Needs needs() const override {
        return {.body = true, .response_text = parts_.options.looks_at_responses()};
    }
    Processor& make(Arena& arena) const override {
        return *new (arena.allocate(sizeof(Guard), alignof(Guard))) Guard(parts_);
    }

private:
    GuardParts parts_;
};

PromptTexts texts_of(const json::Value& body, ProcessorContext& context, const GuardParts& parts) {
    PromptTexts texts(context.arena);
    add_prompt_texts(
        body, context.call,
        {.tools = parts.options.include_tools, .reasoning = parts.options.include_reasoning},
        texts);
    return texts;
}

void sort_edits(std::vector<BodyEdit>& edits) {
    std::ranges::sort(edits, {}, &BodyEdit::begin);
}

Verdict refuse_ambiguous(const ProcessorContext& context) {
    return context.refuse(
        ErrorKind::invalid_json,
        {.status = 400,
         .type = "invalid_request_error",
         .message = "A member of the body occurs twice, or its plain name is written with escapes; "
                    "this gateway does not guess which one counts."});
}

Verdict refuse_by_webhook(ProcessorContext& context,
                          const GuardParts& parts,
                          std::string_view what,
                          std::string_view reason) {
    tell_match(context, parts, GuardAction::block, kWebhookRule, what);
    providers::ProviderError told = blocked_text(context, what, kWebhookRule);
    if (!reason.empty()) {
        told.message = context.arena.join({told.message, " ", reason});
    }
    return context.refuse(ErrorKind::blocked, told);
}

}  // namespace

Verdict Guard::on_request(ProcessorContext& context) {
    if (!parts_.options.looks_at_requests() || context.body.empty()) {
        return Verdict::proceed();
    }
    const auto tree = context.body.tree();
    if (!tree) {
        return Verdict::failed(tree.error());
    }
    if (is_ambiguous(**tree, context.arena)) {
        return refuse_ambiguous(context);
    }
    const Verdict verdict = look_at_texts(context, texts_of(**tree, context, parts_));
    const bool goes_on = verdict.kind() == Verdict::Kind::proceed;
    return goes_on && !parts_.options.webhook_url.empty() ? Verdict::wait() : verdict;
}

Verdict Guard::look_at_texts(ProcessorContext& context, const PromptTexts& texts) {
    std::vector<TextRules::Match> matches;
    std::vector<BodyEdit> edits;
    uint64_t bytes = 0;
    for (const json::Value* value : texts.view()) {
        const std::string_view raw = value->text().raw;
        bytes += raw.size();
        if (bytes > parts_.options.text_bytes_max) {
            return Verdict::failed({.kind = ErrorKind::body_too_large,
                                    .source = ErrorSource::client,
                                    .where = "the texts are longer than text_bytes_max"});
        }
        matches.clear();
        parts_.rules->scan(plain_text(raw, context.arena), 0, true, matches);
        RawOffsets offsets(raw);
        const size_t begin = context.body.offset(raw);
        for (const TextRules::Match& match : matches) {
            const std::string_view name = parts_.rules->name(match.rule);
            tell_match(context, parts_, parts_.options.action, name, "prompt");
            if (parts_.options.action == GuardAction::block) {
                return context.refuse(ErrorKind::blocked, blocked_text(context, "prompt", name));
            }
            const size_t from = begin + offsets.at(match.begin);
            edits.push_back({from, begin + offsets.at(match.end), parts_.options.replacement});
        }
    }
    if (parts_.options.action == GuardAction::redact && !edits.empty()) {
        sort_edits(edits);
        context.body.apply(edits);
    }
    return Verdict::proceed();
}

coro::Task<Verdict> Guard::wait(ProcessorContext& context) {
    const auto tree = context.body.tree();
    if (!tree) {
        co_return Verdict::failed(tree.error());
    }
    PromptTexts values = texts_of(**tree, context, parts_);
    std::ranges::sort(values.view(), {},
                      [](const json::Value* value) { return value->raw().data(); });
    const auto texts = context.arena.allocate_array<std::string_view>(values.size());
    for (size_t i = 0; i < texts.size(); ++i) {
        texts[i] = plain_text(values[i]->text().raw, context.arena);
    }
    const Result<WebhookAnswer> answer = co_await ask_webhook(context, parts_, "request", texts);
    if (!answer) {
        co_return Verdict::failed(answer.error());
    }
    if (answer->action == WebhookAnswer::Action::block) {
        co_return refuse_by_webhook(context, parts_, "prompt", answer->reason);
    }
    std::vector<BodyEdit> edits;
    for (size_t i = 0; i < answer->texts.size(); ++i) {
        if (answer->texts[i] != texts[i]) {
            const std::string_view raw = values[i]->raw();
            const size_t begin = context.body.offset(raw);
            edits.push_back(
                {begin, begin + raw.size(), json::quote(answer->texts[i], context.arena)});
        }
    }
    if (!edits.empty()) {
        tell_match(context, parts_, GuardAction::redact, kWebhookRule, "prompt");
        context.body.apply(edits);
    }
    co_return Verdict::proceed();
}

providers::ReplyFilter* Guard::reply_filter(ProcessorContext& context) {
    if (!parts_.options.looks_at_responses()) {
        return nullptr;
    }
    return &reply_.emplace(parts_, context);
}

coro::Task<Verdict> Guard::on_reply(ProcessorContext& context,
                                    std::span<providers::ReplyChoice> choices) {
    if (!parts_.options.looks_at_responses() || parts_.options.webhook_url.empty()) {
        co_return Verdict::proceed();
    }
    std::vector<json::Text*> places;
    for (providers::ReplyChoice& choice : choices) {
        places.insert(places.end(), {&choice.text, &choice.refusal});
        if (parts_.options.include_reasoning) {
            places.push_back(&choice.reasoning);
        }
        if (parts_.options.include_tools && !choice.tool_calls.empty()) {
            const auto calls =
                context.arena.allocate_array<providers::ReplyToolCall>(choice.tool_calls.size());
            std::ranges::copy(choice.tool_calls, calls.begin());
            choice.tool_calls = calls;
            for (providers::ReplyToolCall& call : calls) {
                places.push_back(&call.arguments);
            }
        }
    }
    std::erase_if(places, [](const json::Text* text) { return text->empty(); });
    const auto texts = context.arena.allocate_array<std::string_view>(places.size());
    for (size_t i = 0; i < texts.size(); ++i) {
        texts[i] = plain_text(places[i]->raw, context.arena);
    }
    const Result<WebhookAnswer> answer = co_await ask_webhook(context, parts_, "response", texts);
    if (!answer) {
        co_return Verdict::failed(answer.error());
    }
    if (answer->action == WebhookAnswer::Action::block) {
        co_return refuse_by_webhook(context, parts_, "answer", answer->reason);
    }
    bool has_changed = false;
    for (size_t i = 0; i < answer->texts.size(); ++i) {
        if (answer->texts[i] != texts[i]) {
            has_changed = true;
            *places[i] = json::escape(answer->texts[i], context.arena);
        }
    }
    if (has_changed) {
        tell_match(context, parts_, GuardAction::redact, kWebhookRule, "answer");
    }
    co_return Verdict::proceed();
}

std::unique_ptr<ProcessorFactory> compile_guard(const ProcessorOptions& options,
                                                const ProcessorResources& /*resources*/) {
    return std::make_unique<GuardFactory>(*std::get_if<GuardOptions>(&options.config),
                                          options.name);
}

}  // namespace sluice::pipeline
