// From a Responses request to the canonical one.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/decode_chat.h"
#include "providers/request_fields.h"
#include "providers/responses.h"
#include "providers/responses_input.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Text;
using json::Value;

namespace {

// Members that stand for something the service keeps.
constexpr std::string_view kStateful[] = {"previous_response_id", "conversation", "prompt"};

// Hints without a counterpart.
constexpr std::string_view kDropped[] = {"max_tool_calls", "context_management", "moderation"};

// Read, or needing no answer: nothing is stored here whatever `store` says.
constexpr std::array<std::string_view, 23> kKnown = {
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "include",
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_k",
    "top_logprobs",
    "stream",
    "stream_options",
    "background",
    "store",
    "truncation",
    "metadata",
    "service_tier",
    "user",
    "safety_identifier",
};

template <class Range>
bool has_name(const Range& names, std::string_view name) {
    return std::ranges::find(names, name) != std::end(names);
}

// What the response object repeats of the request, and what it says where the request is silent.
struct EchoField {
    std::string_view key;
    std::string_view otherwise;
};

constexpr EchoField kEcho[] = {
    {"max_output_tokens", "null"},
    {"max_tool_calls", "null"},
    {"metadata", "{}"},
    {"parallel_tool_calls", "true"},
    {"reasoning", R"({"effort":null,"summary":null})"},
    {"safety_identifier", "null"},
    {"service_tier", "\"default\""},
    {"temperature", "1.0"},
    {"text", R"({"format":{"type":"text"}})"},
    {"tool_choice", "\"auto\""},
    {"top_logprobs", "0"},
    {"top_p", "1.0"},
    {"truncation", "\"disabled\""},
    {"user", "null"},
};

// Instructions and tools can be long, and a stream would repeat them three times.
std::string_view echo_of(const Value& body, Arena& arena) {
    constexpr size_t kUsualBytes = 512;
    json::ArenaText text(arena, kUsualBytes);
    json::Writer writer(text);
    writer.key("instructions").null().key("tools").begin_array().end_array();
    writer.key("previous_response_id").null().key("store").boolean(false);
    for (const EchoField& field : kEcho) {
        const Value& value = body[field.key];
        writer.key(field.key).raw(value.is_nothing() ? field.otherwise : value.raw());
    }
    return text.view();
}

Status refuse_state(const Value& body, Translation& translation) {
    for (const std::string_view key : kStateful) {
        if (!body[key].is_nothing()) {
            return translation.refuse(
                key,
                "The gateway keeps no responses, conversations or prompts for this model; "
                "send the whole input.");
        }
    }
    TRY(const auto background, optional_flag(translation, {"background"}, body["background"]));
    if (background.value_or(false)) {
        return translation.refuse("background",
                                  "The gateway does not answer in the background for this model.");
    }
    return {};
}

// What comes with a reply besides its text. What a client would index into cannot be left out.
Status read_include(const Value& body, Translation& translation) {
    const Value& include = body["include"];
    if (!include.is_nothing() && !include.is_array()) {
        return wrong_type(translation, {"include"}, "an array");
    }
    for (const Value& item : include) {
        if (item.text() == "message.output_text.logprobs") {
            return translation.refuse("include", "The model's provider has no logprobs.");
        }
        TRY_VOID(translation.drop("include"));
    }
    TRY_VOID(optional_number(translation, {"top_logprobs"}, body["top_logprobs"]));
    return body["top_logprobs"].integer().value_or(0) > 0 ? translation.drop("top_logprobs")
                                                          : Status();
}

Status read_format(const Value& text, Translation& translation, ResponseFormat& format) {
    TRY_VOID(optional_object(translation, {"text"}, text));
    const Value& value = text["format"];
    TRY_VOID(optional_object(translation, {"text.format"}, value));
    const Text type = value["type"].text();
    if (type == "json_schema") {
        format.kind = FormatKind::json_schema;
        TRY(format.name, required_text(translation, {"text.format.name"}, value["name"]));
        TRY(format.description,
            optional_text(translation, {"text.format.description"}, value["description"]));
        TRY(format.schema, optional_object(translation, {"text.format.schema"}, value["schema"]));
        TRY(format.strict, optional_flag(translation, {"text.format.strict"}, value["strict"]));
    } else if (type == "json_object") {
        format.kind = FormatKind::json_object;
    } else if (type == "text") {
        format.kind = FormatKind::text;
    } else if (!value.is_nothing()) {
        return wrong_value(translation, {"text.format.type"},
                           "The type must be text, json_object or json_schema.");
    }
    return {};
}

Status read_options(const Value& body, Translation& translation, ChatRequest& request) {
    TRY(request.max_tokens,
        optional_number(translation, {"max_output_tokens"}, body["max_output_tokens"]));
    request.is_max_completion_tokens = true;
    TRY(request.temperature, optional_number(translation, {"temperature"}, body["temperature"]));
    TRY(request.top_p, optional_number(translation, {"top_p"}, body["top_p"]));
    TRY(request.top_k, optional_number(translation, {"top_k"}, body["top_k"]));
    TRY(request.metadata, optional_object(translation, {"metadata"}, body["metadata"]));
    TRY(request.user, optional_text(translation, {"user"}, body["user"]));
    TRY(request.safety_identifier,
        optional_text(translation, {"safety_identifier"}, body["safety_identifier"]));
    TRY(request.service_tier, optional_text(translation, {"service_tier"}, body["service_tier"]));
    TRY_VOID(optional_object(translation, {"reasoning"}, body["reasoning"]));
    TRY(request.reasoning_effort,
        optional_text(translation, {"reasoning.effort"}, body["reasoning"]["effort"]));
    TRY(const auto stream, optional_flag(translation, {"stream"}, body["stream"]));
    request.stream = stream.value_or(false);
    request.says_stream = stream.has_value();
    // The end of every stream tells it.
    request.include_usage = request.stream;
    TRY_VOID(read_include(body, translation));
    const Text truncation = body["truncation"].text();
    if (!truncation.empty() && !(truncation == "disabled")) {
        TRY_VOID(translation.drop("truncation"));
    }
    return read_format(body["text"], translation, request.response_format);
}

Status read_others(const Value& body, Translation& translation, ChatRequest& request) {
    ArenaList<Member> others(translation.arena());
    if (body["text"]["verbosity"].is_string()) {
        others.push_back({.key = "verbosity", .value = body["text"]["verbosity"].raw()});
    }
    for (const Value& member : body) {
        const std::string_view key = member.key().raw;
        if (member.is_nothing() || has_name(kKnown, key)) {
            continue;
        }
        if (has_name(kDropped, key) || is_chat_member(key) || key == "verbosity") {
            TRY_VOID(translation.drop(key));
        } else if (!has_name(kStateful, key)) {
            others.push_back({.key = key, .value = member.raw()});
        }
    }
    request.others = others.view();
    return {};
}

}  // namespace

Result<const ChatRequest*> decode_responses(const Value& body, Translation& translation) {
    if (!body.is_object()) {
        return translation.invalid({}, "The body must be a JSON object.");
    }
    ChatRequest& request = translation.arena().make<ChatRequest>();
    TRY(request.model, required_text(translation, {"model"}, body["model"]));
    TRY_VOID(refuse_state(body, translation));
    TRY_VOID(read_responses_input(body, translation, request));
    TRY_VOID(read_responses_tools(body, translation, request));
    TRY_VOID(read_options(body, translation, request));
    TRY_VOID(read_others(body, translation, request));
    request.echo = echo_of(body, translation.arena());
    return &request;
}

}  // namespace sluice::providers
