// guard: looks for patterns, words and known kinds of secrets in prompts and answers, and blocks,
// redacts or flags; an address outside may be asked as well.
//
// Rules and the connection to that address belong to the factory, which all exchanges of a shard
// share. Prompts are changed by ranges; answers go through a GuardReply.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/local_ptr.h"
#include "coro/task.h"
#include "pipeline/guard_options.h"
#include "pipeline/processor.h"
#include "pipeline/processors/guard_reply.h"
#include "pipeline/prompt_texts.h"
#include "pipeline/text_rules.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

class ProcessorFactory;
struct ProcessorOptions;
struct ProcessorResources;

// What the exchanges of one guard share.
struct GuardParts {
    const GuardOptions& options;
    std::string_view name;  // Of the processor.
    std::unique_ptr<TextRules> rules;
    mutable LocalPtr<upstream::Upstream> webhook;  // Opened when it is first needed.
};

class Guard final : public Processor {
public:
    explicit Guard(const GuardParts& parts) : parts_(parts) {}

    Verdict on_request(ProcessorContext& context) override;
    coro::Task<Verdict> wait(ProcessorContext& context) override;
    providers::ReplyFilter* reply_filter(ProcessorContext& context) override;
    coro::Task<Verdict> on_reply(ProcessorContext& context,
                                 std::span<providers::ReplyChoice> choices) override;

private:
    Verdict look_at_texts(ProcessorContext& context, const PromptTexts& texts);

    const GuardParts& parts_;
    std::optional<GuardReply> reply_;
};

std::unique_ptr<ProcessorFactory> compile_guard(const ProcessorOptions& options,
                                                const ProcessorResources& resources);

}  // namespace sluice::pipeline
