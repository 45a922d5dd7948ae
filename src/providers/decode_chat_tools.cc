// Decoding a chat request: tools and their choice, also in the form before tools.
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
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

struct FunctionPlaces {
    std::string_view name;
    std::string_view description;
    std::string_view parameters;
    std::string_view strict;
};

constexpr FunctionPlaces kToolPlaces = {"tools[#].function.name", "tools[#].function.description",
                                        "tools[#].function.parameters", "tools[#].function.strict"};
constexpr FunctionPlaces kFunctionPlaces = {"functions[#].name", "functions[#].description",
                                            "functions[#].parameters", "functions[#].strict"};

Status decode_function(const Value& function,
                       const FunctionPlaces& places,
                       size_t index,
                       Translation& translation,
                       Tool& tool) {
    TRY(tool.name, required_text(translation, {places.name, index}, function["name"]));
    TRY(tool.description,
        optional_text(translation, {places.description, index}, function["description"]));
    TRY(tool.parameters,
        optional_object(translation, {places.parameters, index}, function["parameters"]));
    TRY(tool.strict, optional_flag(translation, {places.strict, index}, function["strict"]));
    tool.cache_control = function["cache_control"].raw();
    return {};
}

Status decode_tools(const Value& tools, Translation& translation, ChatRequest& request) {
    if (tools.is_nothing()) {
        return {};
    }
    if (!tools.is_array()) {
        return wrong_type(translation, {"tools"}, "an array");
    }
    const std::span<Tool> decoded = translation.arena().allocate_array<Tool>(tools.size());
    size_t index = 0;
    for (const Value& value : tools) {
        Tool& tool = decoded[index];
        if (!value["function"].is_object()) {
            return wrong_value(translation, {"tools[#]", index},
                               "Only tools of the type function can be translated.");
        }
        TRY_VOID(decode_function(value["function"], kToolPlaces, index, translation, tool));
        if (value["cache_control"].is_object()) {
            tool.cache_control = value["cache_control"].raw();
        }
        ++index;
    }
    request.tools = decoded;
    return {};
}

Status decode_functions(const Value& functions, Translation& translation, ChatRequest& request) {
    if (functions.is_nothing()) {
        return {};
    }
    if (!functions.is_array()) {
        return wrong_type(translation, {"functions"}, "an array");
    }
    request.uses_functions = true;
    const std::span<Tool> decoded = translation.arena().allocate_array<Tool>(functions.size());
    size_t index = 0;
    for (const Value& value : functions) {
        TRY_VOID(decode_function(value, kFunctionPlaces, index, translation, decoded[index]));
        ++index;
    }
    request.tools = decoded;
    return {};
}

bool read_choice_word(Text word, ToolChoice& choice) {
    if (word == "auto") {
        choice.kind = ToolChoiceKind::automatic;
    } else if (word == "none") {
        choice.kind = ToolChoiceKind::none;
    } else if (word == "required" || word == "any") {
        choice.kind = ToolChoiceKind::required;
    } else {
        return false;
    }
    return true;
}

Status decode_allowed(const Value& allowed, Translation& translation, ToolChoice& choice) {
    choice.kind = ToolChoiceKind::allowed;
    choice.is_required = allowed["mode"].text() == "required";
    ArenaList<Text> names(translation.arena());
    for (const Value& tool : allowed["tools"]) {
        TRY(const Text name,
            required_text(translation,
                          {"tool_choice.allowed_tools.tools[#].function.name", names.size()},
                          tool["function"]["name"]));
        names.push_back(name);
    }
    choice.allowed = names.view();
    return {};
}

Status decode_tool_choice(const Value& value, Translation& translation, ToolChoice& choice) {
    if (value.is_nothing() || read_choice_word(value.text(), choice)) {
        return {};
    }
    if (value["allowed_tools"].is_object()) {
        return decode_allowed(value["allowed_tools"], translation, choice);
    }
    if (!value["function"].is_object()) {
        return wrong_value(
            translation, {"tool_choice"},
            "tool_choice must be none, auto, required, a function or allowed_tools.");
    }
    choice.kind = ToolChoiceKind::named;
    TRY(choice.name,
        required_text(translation, {"tool_choice.function.name"}, value["function"]["name"]));
    return {};
}

Status decode_function_choice(const Value& value, Translation& translation, ToolChoice& choice) {
    if (value.is_nothing() || read_choice_word(value.text(), choice)) {
        return {};
    }
    choice.kind = ToolChoiceKind::named;
    TRY(choice.name, required_text(translation, {"function_call.name"}, value["name"]));
    return {};
}

}  // namespace

Status decode_chat_tools(const Value& body, Translation& translation, ChatRequest& request) {
    TRY_VOID(decode_tools(body["tools"], translation, request));
    TRY_VOID(decode_tool_choice(body["tool_choice"], translation, request.tool_choice));
    TRY_VOID(decode_functions(body["functions"], translation, request));
    return decode_function_choice(body["function_call"], translation, request.tool_choice);
}

}  // namespace sluice::providers
