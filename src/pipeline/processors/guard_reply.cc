// From events of a reply to windows, and from their segments to events.
#include "pipeline/processors/guard_reply.h"

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/log.h"
#include "json/tree.h"
#include "pipeline/exchange_record.h"
#include "pipeline/guard_options.h"
#include "pipeline/json_text.h"
#include "pipeline/processor.h"
#include "pipeline/processors/guard.h"
#include "pipeline/text_rules.h"
#include "pipeline/text_window.h"
#include "providers/canonical.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kHeader = "x-sluice-guard";

std::string_view action_name(GuardAction action) {
    switch (action) {
        case GuardAction::block:
            return "block";
        case GuardAction::redact:
            return "redact";
        case GuardAction::flag:
            break;
    }
    return "flag";
}

}  // namespace

void tell_match(ProcessorContext& context,
                const GuardParts& parts,
                GuardAction action,
                std::string_view rule,
                std::string_view where) {
    GuardRecord& record = context.record.guard;
    uint32_t& count = action == GuardAction::block    ? record.blocked
                      : action == GuardAction::redact ? record.redacted
                                                      : record.flagged;
    // Of an answer there may be thousands; the record has their number.
    if (count++ == 0) {
        SLUICE_LOG(info, "pipeline", "a guard found something", {"processor", parts.name},
                   {"rule", rule}, {"action", action_name(action)}, {"in", where},
                   {"request_id", context.record.request_id});
        if (action == GuardAction::flag) {
            context.response_fields.add(kHeader, rule);
        }
    }
    record.rule = record.rule.empty() ? rule : record.rule;
}

providers::ProviderError blocked_text(ProcessorContext& context,
                                      std::string_view what,
                                      std::string_view rule) {
    return {.status = 400,
            .type = "invalid_request_error",
            .code = "content_blocked",
            .message = context.arena.join(
                {"The ", what, " was blocked by the rule '", rule, "' of this gateway."}),
            .refusal = providers::Refusal::content_filter};
}

GuardReply::GuardReply(const GuardParts& parts, ProcessorContext& context)
    : parts_(parts), context_(context) {}

bool GuardReply::flags_only() const {
    return parts_.options.action == GuardAction::flag;
}

void GuardReply::on_start(const providers::ReplyStart& start) {
    start_ = {.id = {context_.arena.copy(start.id.raw)},
              .model = {context_.arena.copy(start.model.raw)},
              .created_s = start.created_s};
}

bool GuardReply::pass() {
    if (refusal_ != nullptr) {
        return false;
    }
    if (!has_started()) {
        start_next(start_);
    }
    return true;
}

void GuardReply::on_text(uint32_t choice, json::Text text) {
    end_runs(choice, Kind::text);
    take({choice, Kind::text, 0}, text);
}

void GuardReply::on_reasoning(uint32_t choice, json::Text text) {
    end_runs(choice, Kind::reasoning);
    const Place place = {choice, Kind::reasoning, 0};
    if (parts_.options.include_reasoning) {
        take(place, text);
    } else if (pass()) {
        say(place, text);
    }
}

void GuardReply::on_refusal(uint32_t choice, json::Text text) {
    end_runs(choice, Kind::refusal);
    take({choice, Kind::refusal, 0}, text);
}

// Its text is signed, so it passes as a whole or not at all.
void GuardReply::on_thinking_block(uint32_t choice, const providers::ThinkingBlock& block) {
    end_all_runs(choice);
    if (parts_.options.include_reasoning && !block.thinking.empty() && refusal_ == nullptr) {
        TextWindow window;
        bool has_match = false;
        const std::string_view plain = plain_text(block.thinking.raw, scratch_);
        for (const TextWindow::Segment& segment : window.take(*parts_.rules, plain, true)) {
            if (segment.rule != TextWindow::kNoRule && refusal_ == nullptr) {
                has_match = true;
                match(segment.rule);
            }
        }
        scratch_.clear();
        if (has_match && !flags_only()) {
            return;
        }
    }
    if (pass()) {
        next().on_thinking_block(choice, block);
    }
}

void GuardReply::on_tool_call(uint32_t choice,
                              uint32_t call,
                              const providers::ToolCallStart& start) {
    end_runs(choice, Kind::arguments);
    if (pass()) {
        next().on_tool_call(choice, call, start);
    }
}

void GuardReply::on_arguments(uint32_t choice, uint32_t call, json::Text fragment) {
    end_runs(choice, Kind::arguments);
    const Place place = {choice, Kind::arguments, call};
    if (parts_.options.include_tools) {
        take(place, fragment);
    } else if (pass()) {
        say(place, fragment);
    }
}

// They repeat the text token by token.
void GuardReply::on_logprobs(uint32_t choice, std::string_view json) {
    if (flags_only() && pass()) {
        next().on_logprobs(choice, json);
    }
}

void GuardReply::on_extension(uint32_t choice, const providers::Member& member) {
    if (flags_only() && pass()) {
        next().on_extension(choice, member);
    }
}

void GuardReply::on_finish(uint32_t choice, providers::FinishReason reason) {
    end_all_runs(choice);
    if (pass()) {
        next().on_finish(choice, reason);
    }
}

void GuardReply::on_usage(const providers::Usage& usage) {
    if (pass()) {
        next().on_usage(usage);
    }
}

void GuardReply::on_end() {
    if (pass()) {
        next().on_end();
    }
}

void GuardReply::on_error(const providers::ProviderError& error) {
    if (!has_started() || refusal_ != nullptr) {
        return;
    }
    for (auto& [place, run] : runs_) {
        end_run(place, run);
    }
    if (refusal_ == nullptr) {
        next().on_error(error);
    }
}

void GuardReply::take(const Place& place, json::Text text) {
    if (refusal_ != nullptr) {
        return;
    }
    Run& run = runs_[place];
    // What is only flagged need not wait, and a text without characters has nothing to wait for.
    if (text.empty() || flags_only()) {
        pass();
        say(place, text);
    }
    settle(place, run, run.decoder.next(text.raw, scratch_), false);
    scratch_.clear();
}

void GuardReply::settle(const Place& place, Run& run, std::string_view plain, bool is_last) {
    for (const TextWindow::Segment& segment : run.window.take(*parts_.rules, plain, is_last)) {
        const bool is_match = segment.rule != TextWindow::kNoRule;
        if (is_match) {
            match(segment.rule);
        }
        if (refusal_ != nullptr) {
            return;
        }
        if (!flags_only() && pass()) {
            say(place,
                json::escape(is_match ? parts_.options.replacement : segment.text, scratch_));
        }
    }
}

void GuardReply::say(const Place& place, json::Text text) {
    switch (place.kind) {
        case Kind::text:
            next().on_text(place.choice, text);
            break;
        case Kind::reasoning:
            next().on_reasoning(place.choice, text);
            break;
        case Kind::refusal:
            next().on_refusal(place.choice, text);
            break;
        case Kind::arguments:
            next().on_arguments(place.choice, place.call, text);
            break;
    }
}

void GuardReply::end_run(const Place& place, Run& run) {
    if (refusal_ == nullptr && !run.window.empty()) {
        settle(place, run, {}, true);
        scratch_.clear();
    }
    run.window = {};
}

void GuardReply::end_runs(uint32_t choice, Kind but_for) {
    for (auto& [place, run] : runs_) {
        if (place.choice == choice && place.kind != but_for) {
            end_run(place, run);
        }
    }
}

void GuardReply::end_all_runs(uint32_t choice) {
    for (auto& [place, run] : runs_) {
        if (place.choice == choice) {
            end_run(place, run);
        }
    }
}

void GuardReply::match(uint32_t rule) {
    const std::string_view name = parts_.rules->name(rule);
    tell_match(context_, parts_, parts_.options.action, name, "answer");
    if (parts_.options.action == GuardAction::block) {
        refusal_ =
            &context_.arena.make<providers::ProviderError>(blocked_text(context_, "answer", name));
        if (has_started()) {
            next().on_error(*refusal_);
        }
    }
}

}  // namespace sluice::pipeline
