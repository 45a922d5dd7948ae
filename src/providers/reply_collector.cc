// Gathers the events of one reply.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "providers/canonical.h"
#include "providers/reply.h"

namespace sluice::providers {

ReplyCollector::Choice& ReplyCollector::at(uint32_t choice) {
    while (choices_.size() <= choice) {
        choices_.push_back({&arena_->make<Choice>(*arena_)});
    }
    return *choices_[choice].choice;
}

void ReplyCollector::append(Growing& to, Text text) {
    to.was_set = true;
    if (text.empty()) {
        return;
    }
    const size_t wanted = to.size + text.raw.size();
    if (wanted > to.capacity) {
        // The first piece is usually the only one.
        const size_t capacity = to.capacity == 0 ? wanted : std::max(2 * to.capacity, wanted);
        auto* const wider = static_cast<char*>(arena_->allocate(capacity, 1));
        if (to.size > 0) {
            std::memcpy(wider, to.data, to.size);
        }
        to.data = wider;
        to.capacity = capacity;
    }
    std::memcpy(to.data + to.size, text.raw.data(), text.raw.size());
    to.size = wanted;
}

void ReplyCollector::on_start(const ReplyStart& start) {
    start_ = {.id = keep(start.id), .model = keep(start.model), .created_s = start.created_s};
}

void ReplyCollector::on_text(uint32_t choice, Text text) {
    append(at(choice).text, text);
}

void ReplyCollector::on_reasoning(uint32_t choice, Text text) {
    append(at(choice).reasoning, text);
}

void ReplyCollector::on_thinking_block(uint32_t choice, const ThinkingBlock& block) {
    at(choice).thinking.push_back({.thinking = keep(block.thinking),
                                   .signature = keep(block.signature),
                                   .redacted = keep(block.redacted)});
}

void ReplyCollector::on_refusal(uint32_t choice, Text text) {
    append(at(choice).refusal, text);
}

void ReplyCollector::on_tool_call(uint32_t choice, uint32_t, const ToolCallStart& start) {
    at(choice).calls.push_back(
        {.start = {
             .id = keep(start.id), .name = keep(start.name), .signature = keep(start.signature)}});
}

void ReplyCollector::on_arguments(uint32_t choice, uint32_t call, Text fragment) {
    append(at(choice).calls[call].arguments, fragment);
}

void ReplyCollector::on_logprobs(uint32_t choice, std::string_view json) {
    at(choice).logprobs = arena_->copy(json);
}

void ReplyCollector::on_extension(uint32_t choice, const Member& member) {
    at(choice).extensions.push_back(
        {.key = arena_->copy(member.key), .value = arena_->copy(member.value)});
}

void ReplyCollector::on_finish(uint32_t choice, FinishReason reason) {
    at(choice).finish = reason;
}

void ReplyCollector::on_usage(const Usage& usage) {
    usage_ = usage;
}

Reply ReplyCollector::reply() {
    ArenaList<ReplyChoice> choices(*arena_);
    for (const auto& [choice] : choices_.view()) {
        ArenaList<ReplyToolCall> calls(*arena_);
        for (const Call& call : choice->calls.view()) {
            calls.push_back({.start = call.start, .arguments = call.arguments.text()});
        }
        choices.push_back({.text = choice->text.text(),
                           .has_text = choice->text.was_set,
                           .reasoning = choice->reasoning.text(),
                           .refusal = choice->refusal.text(),
                           .thinking = choice->thinking.view(),
                           .tool_calls = calls.view(),
                           .logprobs = choice->logprobs,
                           .extensions = choice->extensions.view(),
                           .finish = choice->finish});
    }
    return {.start = start_, .choices = choices.view(), .usage = usage_};
}

}  // namespace sluice::providers
