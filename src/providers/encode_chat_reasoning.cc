// How much a model is to think, in the words of its service.
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/encode_chat_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr int64_t kLowBudgetMax = 4096;
constexpr int64_t kMediumBudgetMax = 16384;

// Anthropic's form of the wish, in OpenAI's scale. `effort` is what stood beside it.
Text effort_of_thinking(std::string_view thinking, Text effort, Arena& arena) {
    const auto tree = json::Value::parse(thinking, arena, ErrorSource::client);
    if (!tree) {
        return {};
    }
    const json::Value& value = **tree;
    if (value["type"].text() == "disabled") {
        return {"none"};
    }
    if (value["type"].text() == "adaptive") {
        return effort.empty() ? Text{"high"} : effort;
    }
    const int64_t budget = value["budget_tokens"].integer().value_or(kMediumBudgetMax);
    return {budget <= kLowBudgetMax ? "low" : budget <= kMediumBudgetMax ? "medium" : "high"};
}

// The nearest of low, medium and high.
Text round_effort(Text effort) {
    if (effort == "minimal") {
        return {"low"};
    }
    return effort == "xhigh" || effort == "max" ? Text{"high"} : effort;
}

void write_switch(ChatBody& body, Text effort) {
    body.writer.key("thinking").begin_object().key("type");
    body.writer.string(effort == "none" ? "disabled" : "enabled").end_object();
}

bool has_other(const ChatBody& body, std::string_view key) {
    for (const Member& member : body.request.others) {
        if (member.key == key) {
            return true;
        }
    }
    return false;
}

Status write_effort(ChatBody& body, Text effort) {
    if (body.drops("reasoning_effort")) {
        return body.translation.drop("reasoning_effort");
    }
    if (body.target.has(Quirk::three_efforts)) {
        if (effort == "none") {
            return body.target.has(Quirk::template_thinking)
                       ? Status()
                       : body.translation.drop("reasoning_effort");
        }
        effort = round_effort(effort);
    }
    body.writer.key("reasoning_effort").text(effort.raw);
    return {};
}

}  // namespace

Status encode_chat_reasoning(ChatBody& body) {
    Text effort = body.request.reasoning_effort;
    if (!body.request.thinking.empty()) {
        effort = effort_of_thinking(body.request.thinking, effort, body.translation.arena());
    }
    if (effort.empty()) {
        return {};
    }
    if (!body.target.capabilities().reasoning) {
        return body.translation.drop("reasoning_effort");
    }
    if (body.target.has(Quirk::thinking_switch)) {
        write_switch(body, effort);
        return {};
    }
    if (body.target.has(Quirk::reasoning_object)) {
        if (!has_other(body, "reasoning")) {
            body.writer.key("reasoning").begin_object();
            body.writer.key("effort").text(effort.raw).end_object();
        }
        return {};
    }
    if (body.target.has(Quirk::template_thinking) && !has_other(body, "chat_template_kwargs")) {
        body.writer.key("chat_template_kwargs").begin_object();
        body.writer.key("enable_thinking").boolean(!(effort == "none")).end_object();
    }
    // Many models refuse "none"; those that take it do not think unless they are told to.
    const bool is_switched_off = !body.request.thinking.empty() && effort == "none";
    return is_switched_off ? Status() : write_effort(body, effort);
}

}  // namespace sluice::providers
