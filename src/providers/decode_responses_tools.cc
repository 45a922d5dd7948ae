// Decoding a Responses request: its tools, which are written without the object of chat around
// them.
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/request_fields.h"
#include "providers/responses_input.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Text;
using json::Value;

namespace {

// Tools that the service runs itself: no other has them.
std::unexpected<Error> refuse_tool(Translation& translation, const Place& place, Text type) {
    return translation.refuse(
        translation.path(place.format, place.first),
        translation.arena().join({"Tools of the type '", type.raw,
                                  "' cannot be translated: the model's provider calls functions "
                                  "only."}));
}

Status read_tool(const Value& value, size_t index, Translation& translation, Tool& tool) {
    TRY(const Text type, required_text(translation, {"tools[#].type", index}, value["type"]));
    if (!(type == "function")) {
        return refuse_tool(translation, {"tools[#].type", index}, type);
    }
    TRY(tool.name, required_text(translation, {"tools[#].name", index}, value["name"]));
    TRY(tool.description,
        optional_text(translation, {"tools[#].description", index}, value["description"]));
    TRY(tool.parameters,
        optional_object(translation, {"tools[#].parameters", index}, value["parameters"]));
    TRY(tool.strict, optional_flag(translation, {"tools[#].strict", index}, value["strict"]));
    return {};
}

Status read_tools(const Value& tools, Translation& translation, ChatRequest& request) {
    if (tools.is_nothing()) {
        return {};
    }
    if (!tools.is_array()) {
        return wrong_type(translation, {"tools"}, "an array");
    }
    const std::span<Tool> read = translation.arena().allocate_array<Tool>(tools.size());
    size_t index = 0;
    for (const Value& value : tools) {
        TRY_VOID(read_tool(value, index, translation, read[index]));
        ++index;
    }
    request.tools = read;
    return {};
}

Status read_allowed(const Value& value, Translation& translation, ToolChoice& choice) {
    choice.kind = ToolChoiceKind::allowed;
    choice.is_required = value["mode"].text() == "required";
    ArenaList<Text> names(translation.arena());
    for (const Value& tool : value["tools"]) {
        if (!(tool["type"].text() == "function")) {
            return refuse_tool(translation, {"tool_choice.tools[#].type", names.size()},
                               tool["type"].text());
        }
        TRY(const Text name,
            required_text(translation, {"tool_choice.tools[#].name", names.size()}, tool["name"]));
        names.push_back(name);
    }
    choice.allowed = names.view();
    return {};
}

Status read_choice(const Value& value, Translation& translation, ToolChoice& choice) {
    const Text word = value.text();
    const Text type = value["type"].text();
    if (value.is_nothing()) {
        return {};
    }
    if (word == "auto") {
        choice.kind = ToolChoiceKind::automatic;
    } else if (word == "none") {
        choice.kind = ToolChoiceKind::none;
    } else if (word == "required") {
        choice.kind = ToolChoiceKind::required;
    } else if (type == "function") {
        choice.kind = ToolChoiceKind::named;
        TRY(choice.name, required_text(translation, {"tool_choice.name"}, value["name"]));
    } else if (type == "allowed_tools") {
        return read_allowed(value, translation, choice);
    } else if (!type.empty()) {
        return refuse_tool(translation, {"tool_choice.type"}, type);
    } else {
        return wrong_value(
            translation, {"tool_choice"},
            "tool_choice must be none, auto, required, a function or allowed_tools.");
    }
    return {};
}

}  // namespace

Status read_responses_tools(const Value& body, Translation& translation, ChatRequest& request) {
    TRY_VOID(read_tools(body["tools"], translation, request));
    TRY(request.parallel_tool_calls,
        optional_flag(translation, {"parallel_tool_calls"}, body["parallel_tool_calls"]));
    return read_choice(body["tool_choice"], translation, request.tool_choice);
}

}  // namespace sluice::providers
