// The query out of the body, to the model, and its answer back in.
#include "pipeline/processors/enhancer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "json/tree.h"
#include "json/writer.h"
#include "pipeline/ask_llm.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/llm_target.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "pipeline/prompt_texts.h"
#include "pipeline/request_body.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kBetweenParts = "\\n\\n";
constexpr size_t kQueryBytesFirst = 1024;

class EnhancerFactory final : public ProcessorFactory {
public:
    EnhancerFactory(const EnhancerOptions& options, LlmTarget target)
        : options_(options), target_(std::move(target)) {}

    Needs needs() const override { return {.body = true}; }
    Processor& make(Arena& arena) const override {
        return *new (arena.allocate(sizeof(Enhancer), alignof(Enhancer)))
            Enhancer(options_, target_);
    }

private:
    const EnhancerOptions& options_;
    const LlmTarget target_;
};

bool is_query(const ClientCall& call) {
    return has_reply_text(call);
}

// All of what the user has said, as one text.
json::Text query_of(const PromptTexts& texts, Arena& arena) {
    if (texts.size() == 1) {
        return texts[0]->text();
    }
    json::ArenaText query(arena, kQueryBytesFirst);
    for (const json::Value* text : texts.view()) {
        query.append(query.empty() ? std::string_view() : kBetweenParts);
        query.append(text->text().raw);
    }
    return {query.view()};
}

void account(ProcessorContext& context,
             const LlmTarget& target,
             std::string_view model,
             const providers::Usage& usage) {
    const auto counted = [](int64_t tokens) {
        return static_cast<uint64_t>(std::max<int64_t>(tokens, 0));
    };
    auto& extra = context.arena.make<ExtraUsage>();
    extra = {.service = target.service,
             .upstream_name = target.name,
             .model = model,
             .usage = {.prompt_tokens = counted(usage.prompt_tokens),
                       .completion_tokens = counted(usage.completion_tokens),
                       .cached_tokens = counted(usage.cached_tokens),
                       .cache_write_tokens = counted(usage.cache_write_tokens),
                       .cache_write_1h_tokens = counted(usage.cache_write_1h_tokens),
                       .reasoning_tokens = counted(usage.reasoning_tokens),
                       .reported_cost_pico = usage.reported_cost_pico,
                       .is_known = usage.is_known()},
             .next = context.record.extra_usages};
    context.record.extra_usages = &extra;
}

// The object around a part's text begins at the brace before it and ends at the one that closes it.
const json::Value* part_around(const json::Value& value, const json::Value* text) {
    const char* const at = text->raw().data();
    for (const json::Value& inner : value) {
        if (&inner == text) {
            return &value;
        }
        const std::string_view raw = inner.raw();
        if (raw.data() <= at && at < raw.data() + raw.size()) {
            return part_around(inner, text);
        }
    }
    return nullptr;
}

}  // namespace

void replace_query(RequestBody& body, const PromptTexts& texts, json::Text text, Arena& arena) {
    const auto tree = body.tree();
    SLUICE_ASSERT(tree.has_value() && !texts.empty());
    const std::string_view first = texts[0]->raw();
    std::vector<BodyEdit> edits = {{body.offset(first), body.offset(first) + first.size(),
                                    arena.join({"\"", text.raw, "\""})}};
    for (const json::Value* other : texts.view().subspan(1)) {
        const json::Value* const part = part_around(**tree, other);
        SLUICE_ASSERT(part != nullptr);
        // It is not the first of its list, so there is a comma before it.
        size_t begin = body.offset(part->raw());
        const size_t end = begin + part->raw().size();
        while (body.text()[begin] != ',') {
            --begin;
        }
        edits.push_back({begin, end, {}});
    }
    body.apply(edits);
}

Verdict Enhancer::on_request(ProcessorContext& context) {
    if (context.body.empty() || !is_query(context.call)) {
        return Verdict::proceed();
    }
    const auto tree = context.body.tree();
    if (!tree) {
        return Verdict::failed(tree.error());
    }
    PromptTexts texts(context.arena);
    add_query_texts(**tree, context.call, texts);
    return texts.empty() || query_of(texts, context.arena).empty() ? Verdict::proceed()
                                                                   : Verdict::wait();
}

coro::Task<Verdict> Enhancer::wait(ProcessorContext& context) {
    const auto tree = context.body.tree();
    if (!tree) {
        co_return Verdict::failed(tree.error());
    }
    PromptTexts texts(context.arena);
    add_query_texts(**tree, context.call, texts);
    LlmQuestion question;
    question.model = target_.upstream->model_for(
        options_.model.empty() ? context.record.model : std::string_view(options_.model));
    question.system_prompt = options_.system_prompt;
    question.text = query_of(texts, context.arena);
    question.tokens_max = options_.max_tokens;
    question.timeout = Duration::milliseconds(options_.timeout_ms);
    question.reply_bytes_max = options_.answer_bytes_max;
    question.request_id = context.record.request_id;
    const Result<LlmAnswer> answer =
        co_await ask_llm(*context.services, *context.patience, context.arena, target_, question);
    if (!answer) {
        co_return Verdict::failed(answer.error());
    }
    account(context, target_, question.model, answer->usage);
    if (!answer->is_whole || answer->text.empty()) {
        co_return Verdict::failed({.kind = ErrorKind::malformed,
                                   .source = ErrorSource::upstream,
                                   .where = "the model's answer is empty or cut"});
    }
    replace_query(context.body, texts, answer->text, context.arena);
    co_return Verdict::proceed();
}

std::unique_ptr<ProcessorFactory> compile_enhancer(const ProcessorOptions& options,
                                                   const ProcessorResources& resources) {
    const EnhancerOptions& config = *std::get_if<EnhancerOptions>(&options.config);
    const auto found = std::ranges::find(resources.llms, config.target_llm, &LlmTarget::name);
    SLUICE_ASSERT(found != resources.llms.end());
    return std::make_unique<EnhancerFactory>(config, *found);
}

}  // namespace sluice::pipeline
