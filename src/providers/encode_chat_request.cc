// The frame of a chat request: names of limits, options, what streams add, and the client's own
// fields.
#include "providers/encode_chat_request.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/text.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

struct NumberField {
    std::string_view key;
    std::string_view ChatRequest::* member;
};

constexpr NumberField kNumbers[] = {
    {"temperature", &ChatRequest::temperature},
    {"top_p", &ChatRequest::top_p},
    {"top_k", &ChatRequest::top_k},
    {"presence_penalty", &ChatRequest::presence_penalty},
    {"frequency_penalty", &ChatRequest::frequency_penalty},
};

// Only OpenAI's own services know these.
constexpr std::array<std::string_view, 13> kOpenAiExtras = {
    "store",
    "metadata",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "verbosity",
    "prediction",
    "modalities",
    "audio",
    "moderation",
    "web_search_options",
};

bool has_name(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

// A hint: written, or left out and listed.
Status put_json(ChatBody& body, std::string_view key, std::string_view json) {
    if (json.empty()) {
        return {};
    }
    if (body.drops(key)) {
        return body.translation.drop(key);
    }
    body.writer.key(key).raw(json);
    return {};
}

Status put_text(ChatBody& body, std::string_view key, Text text) {
    if (text.empty()) {
        return {};
    }
    if (body.drops(key)) {
        return body.translation.drop(key);
    }
    body.writer.key(key).text(text.raw);
    return {};
}

void put_limit(ChatBody& body) {
    const ChatRequest& request = body.request;
    if (request.max_tokens.empty()) {
        return;
    }
    const bool is_new_name =
        request.is_max_completion_tokens && !body.target.has(Quirk::max_tokens_only);
    body.writer.key(is_new_name ? "max_completion_tokens" : "max_tokens").raw(request.max_tokens);
}

bool is_zero(std::string_view number) {
    return number.find_first_not_of("0.-") == number.npos;
}

// TGI takes top_p below 1 only, and makes of a penalty of 0 one of its own.
bool is_refused_by_tgi(std::string_view key, std::string_view number) {
    return (key == "top_p" && (number == "1" || number == "1.0")) ||
           (key == "presence_penalty" && is_zero(number));
}

Status put_numbers(ChatBody& body) {
    for (const auto& [key, member] : kNumbers) {
        const std::string_view number = body.request.*member;
        if (body.target.has(Quirk::tgi_request) && is_refused_by_tgi(key, number)) {
            continue;
        }
        TRY_VOID(put_json(body, key, number));
    }
    const bool is_random_seed = body.target.has(Quirk::random_seed);
    return put_json(body, is_random_seed ? "random_seed" : "seed", body.request.seed);
}

// What clients index into cannot be left out quietly.
Status put_choices(ChatBody& body) {
    const ChatRequest& request = body.request;
    const bool has_one = parse_decimal(request.n).value_or(1) <= 1;
    const bool is_strict = body.target.has(Quirk::no_logprobs);
    if (!has_one && (is_strict || !body.target.capabilities().many_choices)) {
        return body.translation.refuse("n", "The model's provider gives one choice only.");
    }
    TRY_VOID(put_json(body, "n", request.n));
    if (!request.logprobs) {
        return {};
    }
    const bool has_logprobs = !is_strict && body.target.capabilities().logprobs;
    if (*request.logprobs && !has_logprobs) {
        return body.translation.refuse("logprobs", "The model's provider has no logprobs.");
    }
    if (has_logprobs) {
        body.writer.key("logprobs").boolean(*request.logprobs);
        return put_json(body, "top_logprobs", request.top_logprobs);
    }
    return {};
}

Status put_stop(ChatBody& body) {
    constexpr size_t kOpenAiStopMax = 4;
    std::span<const Text> stop = body.request.stop;
    if (stop.empty()) {
        return {};
    }
    if (!body.target.has(Quirk::no_openai_extras) && stop.size() > kOpenAiStopMax) {
        TRY_VOID(body.translation.drop("stop"));
        stop = stop.first(kOpenAiStopMax);
    }
    body.writer.key("stop").begin_array();
    for (const Text& text : stop) {
        body.writer.text(text.raw);
    }
    body.writer.end_array();
    return {};
}

void put_stream(ChatBody& body) {
    const Target& target = body.target;
    if (target.is_stream || body.request.says_stream) {
        body.writer.key("stream").boolean(target.is_stream);
    }
    const bool wants_usage = target.wants_usage || body.request.include_usage;
    if (target.is_stream && wants_usage && !target.has(Quirk::no_stream_options)) {
        body.writer.key("stream_options").begin_object();
        body.writer.key("include_usage").boolean(true).end_object();
    }
}

void put_continuation(ChatBody& body) {
    if (body.request.continues_answer && body.target.has(Quirk::continue_final_message)) {
        body.writer.key("continue_final_message").boolean(true);
        body.writer.key("add_generation_prompt").boolean(false);
    }
}

Status put_labels(ChatBody& body) {
    const ChatRequest& request = body.request;
    TRY_VOID(put_text(body, "user", request.user));
    TRY_VOID(put_text(body, "safety_identifier", request.safety_identifier));
    TRY_VOID(put_text(body, "service_tier", request.service_tier));
    TRY_VOID(put_json(body, "metadata", request.metadata));
    return put_json(body, "logit_bias", request.logit_bias);
}

bool asks_for_audio(const Member& member) {
    return member.key == "audio" ||
           (member.key == "modalities" && member.value.find("\"audio\"") != member.value.npos);
}

Status put_others(ChatBody& body) {
    for (const Member& member : body.request.others) {
        if (body.drops(member.key) || !body.takes_other(member.key)) {
            if (asks_for_audio(member)) {
                return body.translation.refuse(member.key,
                                               "The model's provider does not answer in audio.");
            }
            TRY_VOID(body.translation.drop(member.key));
            continue;
        }
        // A name as it was written: escaped already.
        body.writer.raw("\"");
        body.output.append(member.key);
        body.output.append("\":");
        body.output.append(member.value);
    }
    return {};
}

}  // namespace

bool ChatBody::takes_other(std::string_view key) const {
    return !target.has(Quirk::known_fields_only) || has_name(kOpenAiExtras, key) ||
           has_name(target.vendor->own_fields, key);
}

bool ChatBody::drops(std::string_view key) const {
    if (has_name(target.vendor->own_fields, key)) {
        return false;
    }
    return has_name(target.vendor->dropped_fields, key) ||
           (target.has(Quirk::known_fields_only) && key == "top_k") ||
           (target.has(Quirk::no_openai_extras) && has_name(kOpenAiExtras, key)) ||
           (target.has(Quirk::no_logprobs) && key == "logit_bias");
}

Status encode_chat_request(const ChatRequest& request,
                           const Target& target,
                           Translation& translation,
                           json::TextOutput& output) {
    ChatBody body = {request, target, translation, output, json::Writer(output)};
    body.writer.begin_object();
    if (!target.has(Quirk::model_in_url)) {
        body.writer.key("model").string(target.model);
    }
    TRY(const std::string_view instruction, encode_chat_format(body));
    TRY_VOID(encode_chat_messages(body, instruction));
    put_limit(body);
    TRY_VOID(put_numbers(body));
    TRY_VOID(put_choices(body));
    TRY_VOID(put_stop(body));
    TRY_VOID(encode_chat_tools(body));
    TRY_VOID(encode_chat_reasoning(body));
    put_stream(body);
    put_continuation(body);
    TRY_VOID(put_labels(body));
    TRY_VOID(put_others(body));
    body.writer.end_object();
    return {};
}

}  // namespace sluice::providers
