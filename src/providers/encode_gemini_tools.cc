// tools and toolConfig of a Gemini request (translation rules A3 and A6).
//
// Schemas go as they are into parametersJsonSchema, which takes what JSON Schema has; the older
// `parameters` refuses half of it.
#include <string_view>

#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/gemini_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

// Absent, null, or an object without members.
bool is_empty_schema(std::string_view schema) {
    return schema.find_first_not_of("{} \t\r\n") == schema.npos || schema == "null";
}

void write_function(const Tool& tool, json::Writer& writer) {
    writer.begin_object().key("name").text(tool.name.raw);
    if (!tool.description.empty()) {
        writer.key("description").text(tool.description.raw);
    }
    if (!is_empty_schema(tool.parameters)) {
        writer.key("parametersJsonSchema").raw(tool.parameters);
    }
    writer.end_object();
}

void write_names(std::span<const Text> names, json::Writer& writer) {
    writer.key("allowedFunctionNames").begin_array();
    for (const Text name : names) {
        writer.text(name.raw);
    }
    writer.end_array();
}

std::string_view mode_of(const ToolChoice& choice) {
    switch (choice.kind) {
        case ToolChoiceKind::none:
            return "NONE";
        case ToolChoiceKind::required:
        case ToolChoiceKind::named:
            return "ANY";
        case ToolChoiceKind::allowed:
            // The one mode that limits the names without forcing a call.
            return choice.is_required ? "ANY" : "VALIDATED";
        case ToolChoiceKind::absent:
        case ToolChoiceKind::automatic:
            break;
    }
    return "AUTO";
}

bool forces_call(const ToolChoice& choice) {
    return mode_of(choice) == "ANY";
}

Status write_choice(const GeminiRequest& to) {
    ToolChoice choice = to.request.tool_choice;
    if (forces_call(choice) && !to.target.capabilities().tool_choice_required) {
        TRY_VOID(to.translation.drop("tool_choice"));
        choice = {.kind = ToolChoiceKind::automatic};
    }
    if (choice.kind == ToolChoiceKind::absent) {
        return {};
    }
    to.writer.key("toolConfig").begin_object().key("functionCallingConfig").begin_object();
    to.writer.key("mode").string(mode_of(choice));
    if (choice.kind == ToolChoiceKind::named) {
        write_names({&choice.name, 1}, to.writer);
    } else if (choice.kind == ToolChoiceKind::allowed) {
        write_names(choice.allowed, to.writer);
    }
    to.writer.end_object().end_object();
    return {};
}

}  // namespace

Status write_gemini_tools(const GeminiRequest& to) {
    if (to.request.tools.empty()) {
        return {};
    }
    to.writer.key("tools").begin_array().begin_object().key("functionDeclarations").begin_array();
    for (const Tool& tool : to.request.tools) {
        if (tool.strict == true) {
            TRY_VOID(to.translation.drop("strict"));
        }
        write_function(tool, to.writer);
    }
    to.writer.end_array().end_object().end_array();
    return write_choice(to);
}

}  // namespace sluice::providers
