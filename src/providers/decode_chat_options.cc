// Decoding a chat request: everything that is neither a message nor a tool.
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/decode_chat.h"
#include "providers/request_fields.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Text;
using json::Value;

namespace {

template <class Type>
struct Field {
    std::string_view key;
    Type ChatRequest::* member;
};

constexpr Field<std::string_view> kNumbers[] = {
    {"temperature", &ChatRequest::temperature},
    {"top_p", &ChatRequest::top_p},
    {"top_k", &ChatRequest::top_k},
    {"n", &ChatRequest::n},
    {"presence_penalty", &ChatRequest::presence_penalty},
    {"frequency_penalty", &ChatRequest::frequency_penalty},
    {"seed", &ChatRequest::seed},
    {"top_logprobs", &ChatRequest::top_logprobs},
};

constexpr Field<std::string_view> kObjects[] = {
    {"metadata", &ChatRequest::metadata},
    {"logit_bias", &ChatRequest::logit_bias},
    {"thinking", &ChatRequest::thinking},
};

constexpr Field<Text> kTexts[] = {
    {"reasoning_effort", &ChatRequest::reasoning_effort},
    {"user", &ChatRequest::user},
    {"safety_identifier", &ChatRequest::safety_identifier},
    {"service_tier", &ChatRequest::service_tier},
};

constexpr Field<std::optional<bool>> kFlags[] = {
    {"logprobs", &ChatRequest::logprobs},
    {"parallel_tool_calls", &ChatRequest::parallel_tool_calls},
};

// Whatever else stands in a request is one of `others`.
constexpr std::array<std::string_view, 29> kKnownMembers = {
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "n",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "top_logprobs",
    "stop",
    "stream",
    "stream_options",
    "logprobs",
    "parallel_tool_calls",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "response_format",
    "reasoning_effort",
    "thinking",
    "user",
    "safety_identifier",
    "service_tier",
    "metadata",
    "logit_bias",
};

Status decode_limit(const Value& body, Translation& translation, ChatRequest& request) {
    TRY(request.max_tokens,
        optional_number(translation, {"max_completion_tokens"}, body["max_completion_tokens"]));
    request.is_max_completion_tokens = !request.max_tokens.empty();
    TRY(const std::string_view old_limit,
        optional_number(translation, {"max_tokens"}, body["max_tokens"]));
    if (!request.is_max_completion_tokens) {
        request.max_tokens = old_limit;
    }
    return {};
}

Status decode_json_schema(const Value& schema, Translation& translation, ResponseFormat& format) {
    if (!schema.is_object()) {
        return wrong_type(translation, {"response_format.json_schema"}, "an object");
    }
    format.kind = FormatKind::json_schema;
    TRY(format.name,
        required_text(translation, {"response_format.json_schema.name"}, schema["name"]));
    TRY(format.description, optional_text(translation, {"response_format.json_schema.description"},
                                          schema["description"]));
    TRY(format.schema,
        optional_object(translation, {"response_format.json_schema.schema"}, schema["schema"]));
    TRY(format.strict,
        optional_flag(translation, {"response_format.json_schema.strict"}, schema["strict"]));
    return {};
}

Status decode_format(const Value& value, Translation& translation, ResponseFormat& format) {
    TRY_VOID(optional_object(translation, {"response_format"}, value));
    const Text type = value["type"].text();
    if (type == "json_schema") {
        return decode_json_schema(value["json_schema"], translation, format);
    }
    if (type == "json_object") {
        format.kind = FormatKind::json_object;
        // llama.cpp's way to ask for a schema.
        format.schema = value["schema"].is_object() ? value["schema"].raw() : std::string_view();
    } else if (type == "text") {
        format.kind = FormatKind::text;
    } else if (!value.is_nothing()) {
        return wrong_value(translation, {"response_format.type"},
                           "The type must be text, json_object or json_schema.");
    }
    return {};
}

}  // namespace

Status decode_chat_stop(const Value& stop, Translation& translation, ChatRequest& request) {
    if (stop.is_nothing()) {
        return {};
    }
    if (!stop.is_array() && !stop.is_string()) {
        return wrong_type(translation, {"stop"}, "a string or an array of strings");
    }
    const size_t count = stop.is_string() ? 1 : stop.size();
    const std::span<Text> texts = translation.arena().allocate_array<Text>(count);
    if (stop.is_string()) {
        texts[0] = stop.text();
    }
    size_t index = 0;
    for (const Value& item : stop) {
        TRY(texts[index], required_text(translation, {"stop[#]", index}, item));
        ++index;
    }
    request.stop = texts;
    return {};
}

Status decode_chat_stream(const Value& body, Translation& translation, ChatRequest& request) {
    TRY(const auto stream, optional_flag(translation, {"stream"}, body["stream"]));
    TRY_VOID(optional_object(translation, {"stream_options"}, body["stream_options"]));
    TRY(const auto include_usage, optional_flag(translation, {"stream_options.include_usage"},
                                                body["stream_options"]["include_usage"]));
    request.stream = stream.value_or(false);
    request.says_stream = stream.has_value();
    request.include_usage = include_usage.value_or(false);
    return {};
}

bool is_chat_member(std::string_view key) {
    return std::ranges::find(kKnownMembers, key) != kKnownMembers.end();
}

Status decode_chat_options(const Value& body, Translation& translation, ChatRequest& request) {
    for (const auto& [key, member] : kNumbers) {
        TRY(request.*member, optional_number(translation, {key}, body[key]));
    }
    for (const auto& [key, member] : kObjects) {
        TRY(request.*member, optional_object(translation, {key}, body[key]));
    }
    for (const auto& [key, member] : kTexts) {
        TRY(request.*member, optional_text(translation, {key}, body[key]));
    }
    for (const auto& [key, member] : kFlags) {
        TRY(request.*member, optional_flag(translation, {key}, body[key]));
    }
    TRY_VOID(decode_limit(body, translation, request));
    TRY_VOID(decode_chat_stop(body["stop"], translation, request));
    TRY_VOID(decode_chat_stream(body, translation, request));
    TRY_VOID(decode_format(body["response_format"], translation, request.response_format));
    request.others = other_members(body, kKnownMembers, translation.arena());
    return {};
}

}  // namespace sluice::providers
