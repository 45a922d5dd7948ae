// Tools of a chat request and their choice.
#include <algorithm>
#include <string_view>

#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/encode_chat_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kNoParameters = R"({"type":"object","properties":{}})";

bool can_be_demanded(const ChatBody& body) {
    const ChatRequest& request = body.request;
    const bool is_thinking =
        !request.thinking.empty()
            ? request.thinking.find("\"disabled\"") == std::string_view::npos
            : !request.reasoning_effort.empty() && !(request.reasoning_effort == "none");
    return body.target.capabilities().tool_choice_required &&
           !(is_thinking && body.target.has(Quirk::thinking_switch));
}

// Services without allowed_tools get only the tools that are allowed.
bool is_offered(const ChatBody& body, const Tool& tool) {
    const ToolChoice& choice = body.request.tool_choice;
    return choice.kind != ToolChoiceKind::allowed || !body.target.has(Quirk::no_openai_extras) ||
           std::ranges::any_of(choice.allowed,
                               [&tool](Text name) { return name.raw == tool.name.raw; });
}

void write_tool(ChatBody& body, const Tool& tool) {
    json::Writer& writer = body.writer;
    writer.begin_object().key("type").string("function").key("function").begin_object();
    writer.key("name").text(tool.name.raw);
    // An empty text was written, too.
    if (tool.description.raw.data() != nullptr) {
        writer.key("description").text(tool.description.raw);
    }
    if (!tool.parameters.empty()) {
        writer.key("parameters").raw(tool.parameters);
    } else if (body.target.has(Quirk::no_openai_extras)) {
        writer.key("parameters").raw(kNoParameters);
    }
    if (tool.strict && !body.target.has(Quirk::no_strict_tools)) {
        writer.key("strict").boolean(*tool.strict);
    }
    writer.end_object();
    if (!tool.cache_control.empty() && body.target.has(Quirk::takes_extensions)) {
        writer.key("cache_control").raw(tool.cache_control);
    }
    writer.end_object();
}

void write_required(ChatBody& body) {
    body.writer.key("tool_choice")
        .string(body.target.has(Quirk::tool_choice_any) ? "any" : "required");
}

void write_allowed(ChatBody& body, const ToolChoice& choice) {
    json::Writer& writer = body.writer;
    writer.key("tool_choice").begin_object().key("type").string("allowed_tools");
    writer.key("allowed_tools").begin_object();
    writer.key("mode").string(choice.is_required ? "required" : "auto");
    writer.key("tools").begin_array();
    for (const Text& name : choice.allowed) {
        writer.begin_object().key("type").string("function").key("function").begin_object();
        writer.key("name").text(name.raw).end_object().end_object();
    }
    writer.end_array().end_object().end_object();
}

Status write_demand(ChatBody& body, const ToolChoice& choice) {
    if (!can_be_demanded(body)) {
        body.writer.key("tool_choice").string("auto");
        return body.translation.drop("tool_choice");
    }
    if (choice.kind != ToolChoiceKind::named) {
        write_required(body);
        return {};
    }
    json::Writer& writer = body.writer;
    writer.key("tool_choice").begin_object().key("type").string("function");
    writer.key("function").begin_object().key("name").text(choice.name.raw);
    writer.end_object().end_object();
    return {};
}

Status write_choice(ChatBody& body) {
    const ToolChoice& choice = body.request.tool_choice;
    switch (choice.kind) {
        case ToolChoiceKind::absent:
            return {};
        case ToolChoiceKind::automatic:
            body.writer.key("tool_choice").string("auto");
            return {};
        case ToolChoiceKind::none:
            body.writer.key("tool_choice").string("none");
            return {};
        case ToolChoiceKind::required:
        case ToolChoiceKind::named:
            return write_demand(body, choice);
        case ToolChoiceKind::allowed:
            break;
    }
    if (!body.target.has(Quirk::no_openai_extras)) {
        write_allowed(body, choice);
        return {};
    }
    if (choice.is_required) {
        return write_demand(body, choice);
    }
    body.writer.key("tool_choice").string("auto");
    return {};
}

}  // namespace

Status encode_chat_tools(ChatBody& body) {
    const ChatRequest& request = body.request;
    if (!request.tools.empty()) {
        if (!body.target.capabilities().tools) {
            return body.translation.refuse("tools", "The model does not call tools.");
        }
        body.writer.key("tools").begin_array();
        for (const Tool& tool : request.tools) {
            if (is_offered(body, tool)) {
                write_tool(body, tool);
            }
        }
        body.writer.end_array();
    }
    TRY_VOID(write_choice(body));
    if (!request.parallel_tool_calls) {
        return {};
    }
    if (body.target.has(Quirk::no_strict_tools)) {
        return body.translation.drop("parallel_tool_calls");
    }
    body.writer.key("parallel_tool_calls").boolean(*request.parallel_tool_calls);
    return {};
}

}  // namespace sluice::providers
