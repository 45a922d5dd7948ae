// The generateContent body of Gemini and Vertex AI (translation rules A1 to A8).
#include <algorithm>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect_gemini.h"
#include "providers/gemini_model.h"
#include "providers/gemini_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

bool is_instruction(const Message& message) {
    return message.role == Role::system || message.role == Role::developer;
}

// Gemini caches by itself, or by names that it gave.
bool marks_cache(const ChatRequest& request) {
    const auto is_marked = [](const auto& item) { return !item.cache_control.empty(); };
    return std::ranges::any_of(request.tools, is_marked) ||
           std::ranges::any_of(request.messages, [&](const Message& message) {
               return is_marked(message) || std::ranges::any_of(message.parts, is_marked);
           });
}

// Hints without a counterpart, in the client's words.
Status drop_hints(const ChatRequest& request, Translation& translation) {
    struct Hint {
        bool is_given;
        std::string_view param;
    };
    const Hint hints[] = {
        {!request.logit_bias.empty(), "logit_bias"},
        {request.parallel_tool_calls == false, "parallel_tool_calls"},
        {!request.user.empty(), "user"},
        {!request.safety_identifier.empty(), "safety_identifier"},
        {!request.metadata.empty(), "metadata"},
        {std::ranges::any_of(request.messages, [](const Message& m) { return !m.name.empty(); }),
         "name"},
        {marks_cache(request), "cache_control"},
    };
    for (const Hint& hint : hints) {
        if (hint.is_given) {
            TRY_VOID(translation.drop(hint.param));
        }
    }
    return {};
}

bool asks_for_audio(const Member& member) {
    return member.key == "audio" ||
           (member.key == "modalities" && member.value.find("\"audio\"") != member.value.npos);
}

Status drop_others(const ChatRequest& request, Translation& translation) {
    for (const Member& member : request.others) {
        if (member.value == "null") {
            continue;
        }
        if (asks_for_audio(member)) {
            return translation.refuse(member.key, "This model does not answer with audio.");
        }
        TRY_VOID(translation.drop(member.key));
    }
    return {};
}

Status check_abilities(const GeminiRequest& to) {
    const Capabilities& can = to.target.capabilities();
    if (!to.request.tools.empty() && !can.tools) {
        return to.translation.refuse("tools", "This model does not call tools.");
    }
    if (to.request.logprobs == true && !can.logprobs) {
        return to.translation.refuse("logprobs", "This model does not report log probabilities.");
    }
    return {};
}

// What a model is told that cannot be held to the format.
void write_format_instruction(const ResponseFormat& format, Arena& arena, json::Writer& writer) {
    constexpr std::string_view kJson =
        "Answer with a single JSON object and nothing else: no other text, no code fence.";
    if (format.kind == FormatKind::json_object || format.schema.empty()) {
        writer.begin_object().key("text").string(kJson).end_object();
        return;
    }
    writer.begin_object()
        .key("text")
        .string(arena.join({kJson, " It must follow this JSON schema: ", format.schema}))
        .end_object();
}

Status write_system(const GeminiRequest& to) {
    const FormatKind kind = to.request.response_format.kind;
    const bool is_told_format =
        (kind == FormatKind::json_object || kind == FormatKind::json_schema) &&
        !to.formats_natively();
    bool is_open = false;
    const auto open = [&] {
        if (!is_open) {
            to.writer.key("systemInstruction").begin_object().key("parts").begin_array();
            is_open = true;
        }
    };
    for (const Message& message : to.request.messages) {
        for (const Part& part : is_instruction(message) ? message.parts : std::span<const Part>()) {
            if (part.type == PartType::text && !part.text.empty()) {
                open();
                to.writer.begin_object().key("text").text(part.text.raw).end_object();
            }
        }
    }
    if (is_told_format) {
        open();
        write_format_instruction(to.request.response_format, to.translation.arena(), to.writer);
        TRY_VOID(to.translation.drop("response_format"));
    }
    if (is_open) {
        to.writer.end_array().end_object();
    }
    return {};
}

// Vertex sells its tiers by other means.
Status write_service_tier(const GeminiRequest& to) {
    const Text tier = to.request.service_tier;
    if (tier.empty() || tier == "auto") {
        return {};
    }
    const bool is_known = tier == "default" || tier == "flex" || tier == "priority";
    if (!is_known || to.target.has(Quirk::no_openai_extras)) {
        return to.translation.drop("service_tier");
    }
    to.writer.key("serviceTier").text(tier == "default" ? "standard" : tier.raw);
    return {};
}

}  // namespace

bool GeminiRequest::formats_natively() const {
    const Capabilities& can = target.capabilities();
    const bool is_able =
        request.response_format.kind == FormatKind::json_schema ? can.json_schema : can.json_object;
    return is_able && (request.tools.empty() || model.formats_with_functions());
}

Status encode_gemini_request(const ChatRequest& request,
                             const Target& target,
                             Translation& translation,
                             json::TextOutput& body) {
    json::Writer writer(body);
    const GeminiRequest to = {.request = request,
                              .target = target,
                              .model = gemini_model(target.model),
                              .translation = translation,
                              .writer = writer};
    TRY_VOID(check_abilities(to));
    TRY_VOID(drop_hints(request, translation));
    TRY_VOID(drop_others(request, translation));
    writer.begin_object();
    TRY_VOID(write_system(to));
    TRY_VOID(write_gemini_contents(to));
    TRY_VOID(write_gemini_tools(to));
    TRY_VOID(write_gemini_config(to));
    TRY_VOID(write_service_tier(to));
    writer.end_object();
    return {};
}

}  // namespace sluice::providers
