// What clients may rely on, enforced once for all providers.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "providers/canonical.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/usage_details.h"

namespace sluice::providers {

namespace {

constexpr uint32_t kBitsPerWord = 64;

void merge(int64_t& known, int64_t reported) {
    known = reported >= 0 ? reported : known;
}

}  // namespace

ReplyOrder::Choice* ReplyOrder::at(uint32_t choice) {
    if (choice >= kChoicesMax) {
        return nullptr;
    }
    while (choices_.size() <= choice) {
        choices_.push_back({});
    }
    return &choices_[choice];
}

// True when content of this choice may go out now.
bool ReplyOrder::begin(uint32_t choice, Choice*& found) {
    found = over_ ? nullptr : at(choice);
    if (found == nullptr) {
        return false;
    }
    if (!started_) {
        started_ = true;
        sink_->on_start(start_);
    }
    return true;
}

void ReplyOrder::start(const ReplyStart& start, bool commit) {
    if (!started_ && !over_) {
        if (start_.id.empty() && !start.id.empty()) {
            start_.id = {arena_->copy(start.id.raw)};
        }
        if (start_.model.empty() && !start.model.empty()) {
            start_.model = {arena_->copy(start.model.raw)};
        }
        start_.created_s = start_.created_s == 0 ? start.created_s : start_.created_s;
    }
    Choice* first = nullptr;
    if (commit) {
        begin(0, first);
    }
}

void ReplyOrder::text(uint32_t choice, Text text) {
    Choice* found = nullptr;
    if (!text.empty() && begin(choice, found)) {
        sink_->on_text(choice, text);
    }
}

void ReplyOrder::empty_text(uint32_t choice) {
    Choice* found = nullptr;
    if (begin(choice, found)) {
        sink_->on_text(choice, {});
    }
}

void ReplyOrder::reasoning(uint32_t choice, Text text) {
    Choice* found = nullptr;
    if (!text.empty() && begin(choice, found)) {
        sink_->on_reasoning(choice, text);
    }
}

void ReplyOrder::thinking_block(uint32_t choice, const ThinkingBlock& block) {
    Choice* found = nullptr;
    if (begin(choice, found)) {
        sink_->on_thinking_block(choice, block);
    }
}

void ReplyOrder::refusal(uint32_t choice, Text text) {
    Choice* found = nullptr;
    if (!text.empty() && begin(choice, found)) {
        sink_->on_refusal(choice, text);
    }
}

void ReplyOrder::logprobs(uint32_t choice, std::string_view json) {
    Choice* found = nullptr;
    if (!json.empty() && begin(choice, found)) {
        sink_->on_logprobs(choice, json);
    }
}

void ReplyOrder::extension(uint32_t choice, const Member& member) {
    Choice* found = nullptr;
    if (begin(choice, found)) {
        sink_->on_extension(choice, member);
    }
}

uint32_t ReplyOrder::tool_call(uint32_t choice, const ToolCallStart& start) {
    Choice* found = nullptr;
    if (!begin(choice, found) || found->calls >= kToolCallsMax) {
        return kToolCallsMax;
    }
    const uint32_t call = found->calls++;
    if (call / kBitsPerWord >= found->has_arguments.size()) {
        const std::span<uint64_t> wider =
            arena_->allocate_array<uint64_t>(std::max<size_t>(1, 2 * found->has_arguments.size()));
        std::ranges::copy(found->has_arguments, wider.begin());
        found->has_arguments = wider;
    }
    sink_->on_tool_call(choice, call, start);
    return call;
}

void ReplyOrder::arguments(uint32_t choice, uint32_t call, Text fragment) {
    Choice* found = nullptr;
    if (!fragment.empty() && begin(choice, found) && call < found->calls) {
        found->has_arguments[call / kBitsPerWord] |= uint64_t{1} << call % kBitsPerWord;
        sink_->on_arguments(choice, call, fragment);
    }
}

void ReplyOrder::tool_call_end(uint32_t choice, uint32_t call) {
    Choice* const found = over_ ? nullptr : at(choice);
    if (found != nullptr && call < found->calls &&
        (found->has_arguments[call / kBitsPerWord] >> call % kBitsPerWord & 1U) == 0) {
        arguments(choice, call, {"{}"});
    }
}

void ReplyOrder::finish(uint32_t choice, FinishReason reason) {
    Choice* const found = over_ ? nullptr : at(choice);
    if (found != nullptr && (!found->has_finish || reason != FinishReason::stop)) {
        found->has_finish = true;
        found->reason = reason;
    }
}

void ReplyOrder::usage(const Usage& usage) {
    merge(usage_.prompt_tokens, usage.prompt_tokens);
    merge(usage_.completion_tokens, usage.completion_tokens);
    merge(usage_.total_tokens, usage.total_tokens);
    merge(usage_.reported_cost_pico, usage.reported_cost_pico);
    usage_.tier = usage.tier != ServiceTier::standard ? usage.tier : usage_.tier;
    for (const UsageDetail& detail : kPromptDetails) {
        merge(usage_.*detail.count, usage.*detail.count);
    }
    for (const UsageDetail& detail : kCompletionDetails) {
        merge(usage_.*detail.count, usage.*detail.count);
    }
}

void ReplyOrder::say_finish(uint32_t choice) {
    const uint32_t calls = choices_[choice].calls;
    for (uint32_t call = 0; call < calls; ++call) {
        tool_call_end(choice, call);
    }
    FinishReason reason = choices_[choice].reason;
    if (reason == FinishReason::stop && calls > 0) {
        reason = FinishReason::tool_calls;
    }
    sink_->on_finish(choice, reason);
}

void ReplyOrder::error(const ProviderError& error) {
    if (over_) {
        return;
    }
    failed_ = true;
    failure_ = error;
    failure_.param = arena_->copy(error.param);
    failure_.message = arena_->copy(error.message);
    failure_.upstream_type = arena_->copy(error.upstream_type);
    failure_.type = arena_->copy(error.type);
    failure_.code = arena_->copy(error.code);
    if (started_) {
        // A choice that was finished before stays so; the failure is all that the others hear.
        for (uint32_t choice = 0; choice < choices_.size(); ++choice) {
            if (choices_[choice].has_finish) {
                say_finish(choice);
            }
        }
        sink_->on_error(failure_);
    }
    over_ = true;
}

void ReplyOrder::complete() {
    complete_ = true;
}

void ReplyOrder::end() {
    if (over_) {
        return;
    }
    const bool has_finish = std::ranges::any_of(choices_.view(), &Choice::has_finish);
    if (!has_finish && !complete_) {
        error(truncated_stream());
        return;
    }
    start({}, true);
    for (uint32_t choice = 0; choice < choices_.size(); ++choice) {
        say_finish(choice);
    }
    if (usage_.is_known()) {
        sink_->on_usage(usage_);
    }
    over_ = true;
    sink_->on_end();
}

bool ReplyOrder::has_finished(uint32_t choice) const {
    return choice < choices_.size() && choices_[choice].has_finish;
}

uint32_t ReplyOrder::tool_calls(uint32_t choice) const {
    return choice < choices_.size() ? choices_[choice].calls : 0;
}

}  // namespace sluice::providers
