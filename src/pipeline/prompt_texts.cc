// The walk over messages, items and parts, by the members that the dialects share.
#include "pipeline/prompt_texts.h"

#include <algorithm>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/text.h"
#include "json/tree.h"
#include "pipeline/client_call.h"
#include "pipeline/json_text.h"
#include "pipeline/prompt_facts.h"

namespace sluice::pipeline {

namespace {

bool is_plain_name(std::string_view name) {
    return std::ranges::all_of(
        name, [](char c) { return c == '_' || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'); });
}

class TextWalk {
public:
    TextWalk(const PromptTextKinds& kinds, PromptTexts& to) : kinds_(kinds), to_(to) {}

    void every(const json::Value& value) {
        text(value);
        for (const json::Value& inner : value) {
            every(inner);
        }
    }

    void text(const json::Value& value) {
        if (value.is_string()) {
            to_.push_back(&value);
        }
    }

    // A text, or parts of which some are texts.
    void content(const json::Value& value) {
        text(value);
        for (const json::Value& part : value) {
            text(part);
            if (part.is_object()) {
                this->part(part);
            }
        }
    }

    void message(const json::Value& value) {
        content(value["content"]);
        content(value["output"]);
        text(value["refusal"]);
        if (kinds_.tools) {
            for (const json::Value& call : value["tool_calls"]) {
                text(call["function"]["arguments"]);
            }
            text(value["function_call"]["arguments"]);
            every(value["arguments"]);
        }
        if (kinds_.reasoning) {
            text(value["reasoning_content"]);
            text(value["reasoning"]);
            content(value["summary"]);
            content(value["thinking_blocks"]);
        }
    }

private:
    void part(const json::Value& value) {
        if (value["type"].text() == "thinking") {
            if (kinds_.reasoning) {
                text(value["thinking"]);
            }
            return;
        }
        if (value["type"].text() == "tool_use") {
            if (kinds_.tools) {
                every(value["input"]);
            }
            return;
        }
        text(value["text"]);
        text(value["refusal"]);
        content(value["content"]);  // Of a tool's result.
    }

    const PromptTextKinds& kinds_;
    PromptTexts& to_;
};

}  // namespace

void add_prompt_texts(const json::Value& body,
                      const ClientCall& call,
                      const PromptTextKinds& kinds,
                      PromptTexts& to) {
    TextWalk walk(kinds, to);
    if (!call.is_known) {
        walk.every(body);
        return;
    }
    const json::Value& conversation = conversation_of(body, call);
    walk.text(conversation);
    for (const json::Value& item : conversation) {
        walk.text(item);
        if (item.is_object()) {
            walk.message(item);
        }
    }
    walk.content(body["system"]);
    walk.content(body["instructions"]);
    walk.content(body["prediction"]["content"]);
    walk.text(body["suffix"]);
    if (body["prompt"].is_object()) {  // A prompt that is kept elsewhere, and what fills it in.
        walk.every(body["prompt"]["variables"]);
    }
}

bool is_ambiguous(const json::Value& body, Arena& arena) {
    if (body.is_object() && body.size() > 0) {
        ArenaList<std::string_view> names(arena);
        for (const json::Value& member : body) {
            const std::string_view name = plain_text(member.key().raw, arena);
            if (name.data() != member.key().raw.data() && is_plain_name(name)) {
                return true;
            }
            names.push_back(name);
        }
        std::ranges::sort(names.view());
        if (std::ranges::adjacent_find(names.view()) != names.view().end()) {
            return true;
        }
    }
    for (const json::Value& inner : body) {
        if (is_ambiguous(inner, arena)) {
            return true;
        }
    }
    return false;
}

void add_query_texts(const json::Value& body, const ClientCall& call, PromptTexts& to) {
    const json::Value& conversation = conversation_of(body, call);
    if (!call.is_known || conversation.is_string()) {
        if (call.is_known) {
            to.push_back(&conversation);
        }
        return;
    }
    const json::Value* last = nullptr;
    for (const json::Value& item : conversation) {
        last = item["role"].text() == "user" ? &item : last;
    }
    if (last == nullptr) {
        return;
    }
    const json::Value& content = (*last)["content"];
    if (content.is_string()) {
        to.push_back(&content);
        return;
    }
    for (const json::Value& part : content) {
        const json::Text type = part["type"].text();
        if ((type == "text" || type == "input_text") && part["text"].is_string()) {
            to.push_back(&part["text"]);
        }
    }
}

}  // namespace sluice::pipeline
