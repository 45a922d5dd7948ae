// From a legacy completions request to the canonical one.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/completions.h"
#include "providers/decode_chat.h"
#include "providers/request_fields.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Text;
using json::Value;

namespace {

struct NumberField {
    std::string_view key;
    std::string_view ChatRequest::* member;
};

constexpr NumberField kNumbers[] = {
    {"max_tokens", &ChatRequest::max_tokens},
    {"temperature", &ChatRequest::temperature},
    {"top_p", &ChatRequest::top_p},
    {"top_k", &ChatRequest::top_k},
    {"n", &ChatRequest::n},
    {"presence_penalty", &ChatRequest::presence_penalty},
    {"frequency_penalty", &ChatRequest::frequency_penalty},
    {"seed", &ChatRequest::seed},
};

// What OpenAI documents for a request that does not say.
constexpr std::string_view kMaxTokensDefault = "16";

constexpr std::array<std::string_view, 19> kKnown = {
    "model",
    "prompt",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "n",
    "best_of",
    "echo",
    "suffix",
    "logprobs",
    "stop",
    "stream",
    "stream_options",
    "seed",
    "logit_bias",
    "user",
    "presence_penalty",
    "frequency_penalty",
};

// The text of the one prompt, which may stand in a list.
Result<Text> read_prompt(const Value& prompt, Translation& translation) {
    if (prompt.is_string()) {
        return prompt.text();
    }
    if (!prompt.is_array()) {
        return wrong_type(translation, {"prompt"}, "a string or an array of strings");
    }
    if (prompt.size() == 0) {
        return wrong_value(translation, {"prompt"}, "There must be a prompt.");
    }
    if (!prompt.begin()->is_string()) {
        return translation.refuse("prompt", "The model's provider takes no prompts of tokens.");
    }
    if (prompt.size() > 1) {
        return translation.refuse("prompt", "The model's provider answers one prompt at a time.");
    }
    return prompt.begin()->text();
}

// Only models that continue texts can do these.
Status refuse_untranslatable(const Value& body, Translation& translation) {
    TRY(const auto echo, optional_flag(translation, {"echo"}, body["echo"]));
    if (echo.value_or(false)) {
        return translation.refuse("echo", "The model's provider does not repeat the prompt.");
    }
    TRY(const Text suffix, optional_text(translation, {"suffix"}, body["suffix"]));
    if (!suffix.empty()) {
        return translation.refuse("suffix", "The model's provider does not insert text.");
    }
    TRY_VOID(optional_number(translation, {"best_of"}, body["best_of"]));
    if (body["best_of"].integer().value_or(1) > body["n"].integer().value_or(1)) {
        return translation.refuse("best_of",
                                  "The model's provider does not choose among its answers.");
    }
    TRY_VOID(optional_number(translation, {"logprobs"}, body["logprobs"]));
    if (body["logprobs"].is_number()) {
        return translation.refuse("logprobs", "The model's provider has no logprobs of prompts.");
    }
    return {};
}

// Members that mean something to a chat request, but not to this one, do not get there by chance.
Status read_others(const Value& body, Translation& translation, ChatRequest& request) {
    ArenaList<Member> others(translation.arena());
    for (const Value& member : body) {
        const std::string_view key = member.key().raw;
        if (std::ranges::find(kKnown, key) != kKnown.end() || member.is_nothing()) {
            continue;
        }
        if (is_chat_member(key)) {
            TRY_VOID(translation.drop(key));
        } else {
            others.push_back({.key = key, .value = member.raw()});
        }
    }
    request.others = others.view();
    return {};
}

}  // namespace

Result<const ChatRequest*> decode_completions(const Value& body, Translation& translation) {
    if (!body.is_object()) {
        return translation.invalid({}, "The body must be a JSON object.");
    }
    Arena& arena = translation.arena();
    ChatRequest& request = arena.make<ChatRequest>();
    TRY(request.model, required_text(translation, {"model"}, body["model"]));
    TRY(const Text prompt, read_prompt(body["prompt"], translation));
    const std::span<Part> parts = arena.allocate_array<Part>(1);
    parts[0].text = prompt;
    const std::span<Message> messages = arena.allocate_array<Message>(1);
    messages[0] = {.role = Role::user, .parts = parts, .is_plain = true};
    request.messages = messages;
    TRY_VOID(refuse_untranslatable(body, translation));
    for (const auto& [key, member] : kNumbers) {
        TRY(request.*member, optional_number(translation, {key}, body[key]));
    }
    if (request.max_tokens.empty()) {
        request.max_tokens = kMaxTokensDefault;
    }
    request.is_max_completion_tokens = true;
    TRY(request.logit_bias, optional_object(translation, {"logit_bias"}, body["logit_bias"]));
    TRY(request.user, optional_text(translation, {"user"}, body["user"]));
    TRY_VOID(decode_chat_stop(body["stop"], translation, request));
    TRY_VOID(decode_chat_stream(body, translation, request));
    TRY_VOID(read_others(body, translation, request));
    return &request;
}

}  // namespace sluice::providers
