// One function for each thing that is looked at; the first refusal counts.
#include "pipeline/processors/validation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "pipeline/condition.h"
#include "pipeline/json_path.h"
#include "pipeline/processor.h"
#include "pipeline/prompt_facts.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kOutputLimits[] = {"max_tokens", "max_completion_tokens",
                                              "max_output_tokens"};
// What the checks look at in the top object.
constexpr std::string_view kLookedAt[] = {"model",
                                          "messages",
                                          "input",
                                          "prompt",
                                          "system",
                                          "tools",
                                          "functions",
                                          "instructions",
                                          "max_tokens",
                                          "max_completion_tokens",
                                          "max_output_tokens"};
// A field of the client's making is told up to here.
constexpr size_t kToldBytesMax = 64;

Verdict refuse(ProcessorContext& context,
               std::string_view code,
               std::string_view param,
               const std::string& message) {
    return context.refuse(ErrorKind::invalid_field, {.status = 400,
                                                     .type = "invalid_request_error",
                                                     .code = code,
                                                     .param = param,
                                                     .message = message});
}

std::string in_words(std::string_view text) {
    return "'" + std::string(text.substr(0, kToldBytesMax)) +
           (text.size() > kToldBytesMax ? "...'" : "'");
}

// "'a', 'b', and 'c'", as OpenAI writes it.
std::string listed(const std::vector<std::string>& names) {
    std::string all;
    for (size_t i = 0; i < names.size(); ++i) {
        if (i > 0) {
            all += names.size() > 2 ? ", " : " ";
            all += i + 1 == names.size() ? "and " : "";
        }
        all += in_words(names[i]);
    }
    return all;
}

std::string_view plain_text(const json::Value& value, Arena& arena) {
    const auto plain = json::unescape(value.text().raw, arena);
    return plain ? *plain : value.text().raw;
}

// What an error calls the conversation.
std::string_view conversation_name(const ProcessorContext& context, const json::Value& top) {
    const json::Value& conversation = conversation_of(top, context.call);
    return conversation.is_present() ? conversation.key().raw : "messages";
}

std::vector<JsonPath> parsed(const std::vector<std::string>& texts) {
    std::vector<JsonPath> paths;
    for (const std::string& text : texts) {
        auto path = JsonPath::parse(text);
        SLUICE_ASSERT(path.has_value());
        paths.push_back(*std::move(path));
    }
    return paths;
}

}  // namespace

uint32_t json_depth(std::string_view text) {
    uint32_t depth = 0;
    uint32_t deepest = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        switch (text[i]) {
            case '{':
            case '[':
                deepest = std::max(deepest, ++depth);
                break;
            case '}':
            case ']':
                --depth;
                break;
            case '"':
                for (++i; text[i] != '"'; ++i) {
                    i += text[i] == '\\' ? 1 : 0;
                }
                break;
            default:
                break;
        }
    }
    return deepest;
}

Validation::Plan::Plan(const ValidationOptions& given)
    : options(given),
      required(parsed(given.required_fields)),
      forbidden(parsed(given.forbidden_fields)) {}

Verdict Validation::on_request(ProcessorContext& context) {
    if (context.body.empty()) {
        return Verdict::proceed();
    }
    Verdict verdict = size(context);
    if (verdict.kind() != Verdict::Kind::proceed) {
        return verdict;
    }
    const auto tree = context.body.tree();
    if (!tree) {
        return Verdict::failed(tree.error());
    }
    constexpr Check kChecks[] = {&Validation::depth,
                                 &Validation::twins,
                                 &Validation::model,
                                 &Validation::required_fields,
                                 &Validation::forbidden_fields,
                                 &Validation::output_tokens,
                                 &Validation::messages,
                                 &Validation::known_roles,
                                 &Validation::images,
                                 &Validation::tools,
                                 &Validation::prompt_tokens};
    for (const Check check : kChecks) {
        if (verdict.kind() != Verdict::Kind::proceed) {
            break;
        }
        verdict = (this->*check)(context, **tree);
    }
    return verdict;
}

Verdict Validation::size(ProcessorContext& context) const {
    const uint64_t bytes = context.body.text().size();
    if (options_.body_bytes_max == 0 || bytes <= options_.body_bytes_max) {
        return Verdict::proceed();
    }
    const std::string message = "Invalid body: it is too large. Expected at most " +
                                std::to_string(options_.body_bytes_max) + " bytes, but got " +
                                std::to_string(bytes) + " instead.";
    return context.refuse(ErrorKind::body_too_large, {.status = 413,
                                                      .type = "invalid_request_error",
                                                      .code = "request_too_large",
                                                      .message = message});
}

Verdict Validation::depth(ProcessorContext& context, const json::Value& /*top*/) const {
    if (options_.depth_max == 0) {
        return Verdict::proceed();
    }
    const uint32_t depth = json_depth(context.body.text());
    return depth <= options_.depth_max
               ? Verdict::proceed()
               : refuse(
                     context, "body_too_deep", {},
                     "Invalid body: objects and arrays are nested too deeply. Expected at most " +
                         std::to_string(options_.depth_max) + " levels, but got " +
                         std::to_string(depth) + " instead.");
}

Verdict Validation::twins(ProcessorContext& context, const json::Value& top) const {
    for (const std::string_view name : kLookedAt) {
        size_t count = 0;
        const json::Value* const found = find_member(top, name, context.arena, count);
        if (count > 1 || (found != nullptr && found->key().raw != name)) {
            return refuse(context, "duplicate_parameter", name,
                          "Invalid body: " + in_words(name) +
                              " is ambiguous. Expected it once, written without escapes.");
        }
    }
    return Verdict::proceed();
}

Verdict Validation::model(ProcessorContext& context, const json::Value& /*top*/) const {
    const std::string_view model = context.record.model;
    const auto fits = [model](const std::string& pattern) { return fits_pattern(model, pattern); };
    if (options_.allowed_models.empty() || std::ranges::any_of(options_.allowed_models, fits)) {
        return Verdict::proceed();
    }
    return refuse(context, "model_not_allowed", "model",
                  "Invalid value: " + in_words(model) +
                      ". Expected one of the models that this "
                      "route allows: " +
                      listed(options_.allowed_models) + ".");
}

Verdict Validation::output_tokens(ProcessorContext& context, const json::Value& top) const {
    for (const std::string_view name : kOutputLimits) {
        const json::Value& value = top[name];
        if (options_.max_tokens_max == 0 || value.is_nothing()) {
            continue;
        }
        const std::optional<double> number = value.number();
        if (!number) {
            return refuse(context, "invalid_type", name,
                          "Invalid type for " + in_words(name) + ": expected an integer.");
        }
        if (*number > static_cast<double>(options_.max_tokens_max)) {
            return refuse(context, "integer_above_max_value", name,
                          "Invalid " + in_words(name) +
                              ": integer above maximum value. Expected a "
                              "value <= " +
                              std::to_string(options_.max_tokens_max) + ", but got " +
                              std::string(value.raw().substr(0, kToldBytesMax)) + " instead.");
        }
    }
    return Verdict::proceed();
}

Verdict Validation::messages(ProcessorContext& context, const json::Value& top) const {
    if (options_.messages_min == 0 && options_.messages_max == 0) {
        return Verdict::proceed();
    }
    const uint32_t count = context.facts().messages;
    const std::string_view name = conversation_name(context, top);
    const auto told = [&](std::string_view what, std::string_view side, uint32_t limit) {
        return "Invalid " + in_words(name) + ": array too " + std::string(what) +
               ". Expected an array with " + std::string(side) + " length " +
               std::to_string(limit) + ", but got an array with length " + std::to_string(count) +
               " instead.";
    };
    if (count < options_.messages_min) {
        return refuse(context, "array_below_min_length", name,
                      told("short", "minimum", options_.messages_min));
    }
    if (options_.messages_max != 0 && count > options_.messages_max) {
        return refuse(context, "array_above_max_length", name,
                      told("long", "maximum", options_.messages_max));
    }
    return Verdict::proceed();
}

Verdict Validation::known_roles(ProcessorContext& context, const json::Value& top) const {
    if (options_.roles.empty()) {
        return Verdict::proceed();
    }
    const json::Value& conversation = conversation_of(top, context.call);
    if (!conversation.is_array()) {
        return Verdict::proceed();
    }
    size_t index = 0;
    for (const json::Value& message : conversation) {
        // The items of the Responses API that are no messages have no role.
        size_t count = 0;
        const json::Value* const role = find_member(message, "role", context.arena, count);
        const std::string_view name =
            role == nullptr ? std::string_view() : plain_text(*role, context.arena);
        const bool is_known = std::ranges::find(options_.roles, name) != options_.roles.end();
        if (role != nullptr && (count > 1 || !is_known)) {
            const std::string place =
                std::string(conversation.key().raw) + "[" + std::to_string(index) + "].role";
            return refuse(context, "invalid_value", place,
                          count > 1
                              ? "Invalid body: '" + place + "' is ambiguous. Expected it once."
                              : "Invalid value: " + in_words(name) +
                                    ". Supported values are: " + listed(options_.roles) + ".");
        }
        ++index;
    }
    return Verdict::proceed();
}

Verdict Validation::images(ProcessorContext& context, const json::Value& top) const {
    const uint32_t limit = options_.allow_images ? options_.images_max : 0;
    if (options_.allow_images && limit == 0) {
        return Verdict::proceed();
    }
    const uint32_t count = context.facts().images;
    return count <= limit
               ? Verdict::proceed()
               : refuse(context, "too_many_images", conversation_name(context, top),
                        "Invalid " + in_words(conversation_name(context, top)) +
                            ": too many images. Expected at most " + std::to_string(limit) +
                            ", but got " + std::to_string(count) + " instead.");
}

Verdict Validation::tools(ProcessorContext& context, const json::Value& top) const {
    const uint32_t limit = options_.allow_tools ? options_.tools_max : 0;
    if (options_.allow_tools && limit == 0) {
        return Verdict::proceed();
    }
    for (const std::string_view name : {"tools", "functions"}) {
        const uint32_t count = top[name].size();
        if (count > limit) {
            return refuse(context, "array_above_max_length", name,
                          "Invalid " + in_words(name) +
                              ": array too long. Expected an array with maximum length " +
                              std::to_string(limit) + ", but got an array with length " +
                              std::to_string(count) + " instead.");
        }
    }
    return Verdict::proceed();
}

Verdict Validation::prompt_tokens(ProcessorContext& context, const json::Value& top) const {
    if (options_.prompt_tokens_max == 0) {
        return Verdict::proceed();
    }
    const uint64_t count = context.facts().estimated_tokens;
    return count <= options_.prompt_tokens_max
               ? Verdict::proceed()
               : refuse(context, "context_length_exceeded", conversation_name(context, top),
                        "The prompt is too long: about " + std::to_string(count) +
                            " tokens. Expected at most " +
                            std::to_string(options_.prompt_tokens_max) + " on this route.");
}

Verdict Validation::required_fields(ProcessorContext& context, const json::Value& top) const {
    std::string_view place;
    for (const JsonPath& path : plan_.required) {
        path.walk(top, context.arena, [&](const JsonPath::Match& match) {
            const bool is_there =
                match.kind == JsonPath::Match::Kind::found && !match.value->is_nothing();
            if (!is_there && place.empty()) {
                place = path.place(match, context.arena);
            }
        });
    }
    return place.empty() ? Verdict::proceed()
                         : refuse(context, "missing_required_parameter", place,
                                  "Missing required parameter: " + in_words(place) +
                                      ". Expected a value on this route.");
}

Verdict Validation::forbidden_fields(ProcessorContext& context, const json::Value& top) const {
    std::string_view place;
    for (const JsonPath& path : plan_.forbidden) {
        path.walk(top, context.arena, [&](const JsonPath::Match& match) {
            if (match.kind == JsonPath::Match::Kind::found && place.empty()) {
                place = path.place(match, context.arena);
            }
        });
    }
    return place.empty() ? Verdict::proceed()
                         : refuse(context, "unsupported_parameter", place,
                                  "Unsupported parameter: " + in_words(place) +
                                      ". Expected a request without it on this route.");
}

}  // namespace sluice::pipeline
