// Tools of a Converse request, and which of them may or must be called.
//
// A history with calls is refused without tools, so they are sent even to a model that may not
// call them; only Claude can then be told so.
#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/converse_request.h"
#include "providers/emulated_json.h"
#include "providers/request_limits.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

bool has_calls(const ChatRequest& request) {
    return std::ranges::any_of(request.messages,
                               [](const Message& m) { return !m.tool_calls.empty(); });
}

bool may_not_call(const ChatRequest& request) {
    return request.tool_choice.kind == ToolChoiceKind::none || request.tools.empty();
}

class ConverseToolsWriter {
public:
    ConverseToolsWriter(const ChatRequest& request,
                        const ConversePlan& plan,
                        Translation& translation,
                        json::Writer& writer)
        : request_(request), plan_(plan), translation_(translation), writer_(writer) {}

    Status write();

private:
    bool emulates_json() const { return plan_.json == JsonOutput::tool; }
    bool is_sent(const Tool& tool) const;
    Status write_tool(const Tool& tool);
    void write_spec(Text name, Text description, std::string_view schema, bool is_strict);
    void write_schema(std::string_view schema);
    void write_json_tool();
    void write_tools_of_history();
    Status write_choice();
    void open() {
        if (!is_open_) {
            writer_.key("toolConfig").begin_object().key("tools").begin_array();
        }
        is_open_ = true;
    }

    const ChatRequest& request_;
    const ConversePlan& plan_;
    Translation& translation_;
    json::Writer& writer_;
    bool is_open_ = false;
};

Status ConverseToolsWriter::write() {
    for (const Tool& tool : request_.tools) {
        if (is_sent(tool)) {
            TRY_VOID(write_tool(tool));
        }
    }
    if (emulates_json()) {
        write_json_tool();
    }
    if (!is_open_) {
        write_tools_of_history();
    }
    if (!is_open_) {
        return {};
    }
    writer_.end_array();
    TRY_VOID(write_choice());
    writer_.end_object();
    return {};
}

bool ConverseToolsWriter::is_sent(const Tool& tool) const {
    return request_.tool_choice.kind == ToolChoiceKind::none ? has_calls(request_)
                                                             : offers(request_.tool_choice, tool);
}

// Converse wants to read that the root is an object.
void ConverseToolsWriter::write_schema(std::string_view schema) {
    Arena& arena = translation_.arena();
    const auto tree = json::Value::parse(schema, arena, ErrorSource::client);
    writer_.key("inputSchema").begin_object().key("json");
    if (!tree || (**tree).size() == 0) {
        writer_.raw(kNoParameters);
    } else if ((**tree)["type"].is_present()) {
        writer_.raw(schema);
    } else {
        writer_.raw(arena.join({R"({"type":"object",)", schema.substr(schema.find('{') + 1)}));
    }
    writer_.end_object();
}

void ConverseToolsWriter::write_spec(Text name,
                                     Text description,
                                     std::string_view schema,
                                     bool is_strict) {
    open();
    writer_.begin_object().key("toolSpec").begin_object().key("name").text(name.raw);
    if (!description.empty()) {
        writer_.key("description").text(description.raw);
    }
    write_schema(schema);
    if (is_strict) {
        writer_.key("strict").boolean(true);
    }
    writer_.end_object().end_object();
}

Status ConverseToolsWriter::write_tool(const Tool& tool) {
    const bool is_strict = tool.strict == std::optional(true) && plan_.is_claude() &&
                           plan_.claude.has_structured_output;
    write_spec(tool.name, tool.description, tool.parameters, is_strict);
    // Only Claude keeps tools.
    if (!plan_.is_claude()) {
        return tool.cache_control.empty() ? Status() : translation_.drop("cache_control");
    }
    return write_cache_point(tool.cache_control, plan_, translation_, writer_);
}

void ConverseToolsWriter::write_json_tool() {
    Arena& arena = translation_.arena();
    const std::string_view schema = request_.response_format.schema;
    write_spec({json_tool_for(schema, arena)}, {kJsonToolDescription},
               json_tool_schema(schema, arena), false);
}

void ConverseToolsWriter::write_tools_of_history() {
    ArenaList<std::string_view> names(translation_.arena());
    for (const Message& message : request_.messages) {
        for (const ToolCall& call : message.tool_calls) {
            names.push_back(call.name.raw);
        }
    }
    std::ranges::sort(names.view());
    for (size_t i = 0; i < names.size(); ++i) {
        if (i == 0 || names[i] != names[i - 1]) {
            write_spec({names[i]}, {}, {}, false);
        }
    }
}

Status ConverseToolsWriter::write_choice() {
    const ToolChoice& choice = request_.tool_choice;
    if (emulates_json() && request_.tools.empty()) {
        const std::string_view tool =
            json_tool_for(request_.response_format.schema, translation_.arena());
        writer_.key("toolChoice").begin_object().key("tool").begin_object();
        writer_.key("name").string(tool).end_object().end_object();
        return {};
    }
    const bool must_call = is_forced(choice) && !request_.tools.empty();
    if (must_call && !plan_.takes_forced_choice) {
        return translation_.drop("tool_choice");
    }
    if (choice.kind == ToolChoiceKind::absent) {
        return {};
    }
    writer_.key("toolChoice").begin_object();
    if (must_call && choice.kind == ToolChoiceKind::named) {
        writer_.key("tool").begin_object().key("name").text(choice.name.raw).end_object();
    } else {
        writer_.key(must_call ? "any" : "auto").begin_object().end_object();
    }
    writer_.end_object();
    return {};
}

}  // namespace

Status write_converse_tools(const ChatRequest& request,
                            const ConversePlan& plan,
                            Translation& translation,
                            json::Writer& writer) {
    if (request.parallel_tool_calls == std::optional(false) && !plan.is_claude()) {
        TRY_VOID(translation.drop("parallel_tool_calls"));
    }
    return ConverseToolsWriter(request, plan, translation, writer).write();
}

std::string_view claude_tool_choice(const ChatRequest& request,
                                    const ConversePlan& plan,
                                    Translation& translation) {
    if (!plan.is_claude() || plan.json == JsonOutput::tool) {
        return {};
    }
    if (may_not_call(request)) {
        return has_calls(request) ? R"({"type":"none"})" : std::string_view();
    }
    if (request.parallel_tool_calls != std::optional(false)) {
        return {};
    }
    const ToolChoice& choice = request.tool_choice;
    const bool must_call = is_forced(choice) && plan.takes_forced_choice;
    json::ArenaText text(translation.arena(), 128);
    json::Writer writer(text);
    writer.begin_object().key("type");
    if (must_call && choice.kind == ToolChoiceKind::named) {
        writer.string("tool").key("name").text(choice.name.raw);
    } else {
        writer.string(must_call ? "any" : "auto");
    }
    writer.key("disable_parallel_tool_use").boolean(true).end_object();
    return text.view();
}

}  // namespace sluice::providers
