// GuardReply: a guard's rules over the texts of an answer, streamed or whole.
//
// Each run of text has a window of its own, which holds what may still become a match; it is
// emptied when the run ends. Where a match is not let pass, what could tell it otherwise (log
// probabilities, members that one service only knows) is left out. One per exchange and guard.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "pipeline/guard_options.h"
#include "pipeline/json_text.h"
#include "pipeline/processor.h"
#include "pipeline/text_rules.h"
#include "pipeline/text_window.h"
#include "providers/canonical.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"

namespace sluice::pipeline {

struct GuardParts;

// Says that a rule has matched: record, log, and the header where it can still be sent.
void tell_match(ProcessorContext& context,
                const GuardParts& parts,
                GuardAction action,
                std::string_view rule,
                std::string_view where);
// What the client is told of a text that was blocked.
providers::ProviderError blocked_text(ProcessorContext& context,
                                      std::string_view what,
                                      std::string_view rule);

class GuardReply final : public providers::ReplyFilter {
public:
    GuardReply(const GuardParts& parts, ProcessorContext& context);

    const providers::ProviderError* refusal() const override { return refusal_; }

    void on_start(const providers::ReplyStart& start) override;
    void on_text(uint32_t choice, json::Text text) override;
    void on_reasoning(uint32_t choice, json::Text text) override;
    void on_thinking_block(uint32_t choice, const providers::ThinkingBlock& block) override;
    void on_refusal(uint32_t choice, json::Text text) override;
    void on_tool_call(uint32_t choice,
                      uint32_t call,
                      const providers::ToolCallStart& start) override;
    void on_arguments(uint32_t choice, uint32_t call, json::Text fragment) override;
    void on_logprobs(uint32_t choice, std::string_view json) override;
    void on_extension(uint32_t choice, const providers::Member& member) override;
    void on_finish(uint32_t choice, providers::FinishReason reason) override;
    void on_usage(const providers::Usage& usage) override;
    void on_end() override;
    void on_error(const providers::ProviderError& error) override;

private:
    enum class Kind : uint8_t { text, reasoning, refusal, arguments };
    struct Place {
        uint32_t choice;
        Kind kind;
        uint32_t call;  // Of arguments.

        auto operator<=>(const Place&) const = default;
    };
    struct Run {
        TextWindow window;
        TextDecoder decoder;
    };

    // Whether anything goes on at all; begins the reply if so.
    bool pass();
    void take(const Place& place, json::Text text);
    void settle(const Place& place, Run& run, std::string_view plain, bool is_last);
    void say(const Place& place, json::Text text);
    // Ends the runs of a choice but for one kind; what they hold goes on.
    void end_runs(uint32_t choice, Kind but_for);
    void end_all_runs(uint32_t choice);
    void end_run(const Place& place, Run& run);
    void match(uint32_t rule);
    bool flags_only() const;

    const GuardParts& parts_;
    ProcessorContext& context_;
    Arena scratch_;
    std::map<Place, Run> runs_;
    providers::ReplyStart start_;
    const providers::ProviderError* refusal_ = nullptr;
};

}  // namespace sluice::pipeline
