// Tools of a client's Messages request.
//
// Besides tools with a schema there are typed ones, whose schema only Anthropic's models know.
// Those that the client runs are described here; those that Anthropic runs have no counterpart.
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/arena_list.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/messages_input.h"
#include "providers/tool_names.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

using json::Value;

// Types carry a date behind their name.
struct ClientTool {
    std::string_view type;
    std::string_view description;  // The inside of a JSON string.
    std::string_view parameters;
};

constexpr std::array kClientTools = {
    ClientTool{.type = "bash_",
               .description = "Runs a command in a bash shell that persists between calls.",
               .parameters =
                   R"({"type":"object","properties":{"command":{"type":"string",)"
                   R"("description":"The command to run; required unless restart is true."},)"
                   R"("restart":{"type":"boolean","description":"Starts the shell anew."}}})"},
    ClientTool{
        .type = "text_editor_",
        .description = "Views, creates and edits files.",
        .parameters =
            R"({"type":"object","properties":{"command":{"type":"string",)"
            R"("enum":["view","create","str_replace","insert"]},"path":{"type":"string"},)"
            R"("view_range":{"type":"array","items":{"type":"integer"},)"
            R"("description":"view: first and last line; a last line of -1 is the end."},)"
            R"("file_text":{"type":"string","description":"create: the whole file."},)"
            R"("old_str":{"type":"string","description":"str_replace: a text that occurs once."},)"
            R"("new_str":{"type":"string","description":"str_replace: what takes its place."},)"
            R"("insert_line":{"type":"integer","description":"insert: behind this line."},)"
            R"("insert_text":{"type":"string","description":"insert: the text."}},)"
            R"("required":["command","path"]})"},
    ClientTool{.type = "memory_",
               .description = "Keeps notes between conversations, as files below /memories.",
               .parameters =
                   R"({"type":"object","properties":{"command":{"type":"string",)"
                   R"("enum":["view","create","str_replace","insert","delete","rename"]},)"
                   R"("path":{"type":"string"},"view_range":{"type":"array",)"
                   R"("items":{"type":"integer"}},"file_text":{"type":"string"},)"
                   R"("old_str":{"type":"string"},"new_str":{"type":"string"},)"
                   R"("insert_line":{"type":"integer"},"insert_text":{"type":"string"},)"
                   R"("old_path":{"type":"string"},"new_path":{"type":"string"}},)"
                   R"("required":["command"]})"},
};

constexpr std::array<std::string_view, 6> kServerTools = {
    "web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "advisor_", "mcp_toolset"};

bool is_server_tool(std::string_view type) {
    return std::ranges::any_of(kServerTools, [type](auto name) { return type.starts_with(name); });
}

class ToolsReader {
public:
    ToolsReader(ChatRequest& request, Translation& translation)
        : request_(&request),
          translation_(&translation),
          tools_(translation.arena()),
          renamed_(translation.arena()) {}

    Status read(const Value& body) {
        size_t index = 0;
        for (const Value& tool : body["tools"]) {
            TRY_VOID(read_tool(tool, index++));
        }
        request_->tools = tools_.view();
        request_->renamed_tools = renamed_.view();
        return read_choice(body["tool_choice"]);
    }

private:
    Status read_tool(const Value& tool, size_t index) {
        const std::string_view type = tool["type"].text().raw;
        if (is_server_tool(type)) {
            return translation_->drop(type);
        }
        if (tool["name"].text().empty()) {
            return translation_->invalid(translation_->path("tools[#].name", index),
                                         "A tool must have a name.");
        }
        const Value& control = tool["cache_control"];
        Tool read = {.name = name_of(tool["name"].text()),
                     .cache_control = control.is_object() ? control.raw() : ""};
        if (type.empty() || type == "custom") {
            const Value& schema = tool["input_schema"];
            if (!schema.is_nothing() && !schema.is_object()) {
                return translation_->invalid(translation_->path("tools[#].input_schema", index),
                                             "The schema of a tool must be an object.");
            }
            read.description = tool["description"].text();
            read.parameters = schema.is_object() ? schema.raw() : "";
            read.strict = tool["strict"].is_boolean() ? std::optional(tool["strict"].is_true())
                                                      : std::nullopt;
        } else {
            const auto* const known = std::ranges::find_if(
                kClientTools, [type](const ClientTool& row) { return type.starts_with(row.type); });
            if (known == kClientTools.end()) {
                return translation_->refuse(translation_->path("tools[#].type", index),
                                            "The model does not know tools of this type.");
            }
            read.description = {known->description};
            read.parameters = known->parameters;
        }
        tools_.push_back(read);
        return {};
    }

    Text name_of(Text name) {
        const Text sent = shorten_tool_name(name, translation_->arena());
        if (sent.raw != name.raw) {
            renamed_.push_back({.name = name, .sent = sent});
        }
        return sent;
    }

    Status read_choice(const Value& choice) {
        const Text type = choice["type"].text();
        if (type.empty()) {
            return {};
        }
        if (choice["disable_parallel_tool_use"].is_true() && !tools_.empty()) {
            request_->parallel_tool_calls = false;
        }
        ToolChoice& read = request_->tool_choice;
        if (type == "auto") {
            read.kind = ToolChoiceKind::automatic;
        } else if (type == "none") {
            read.kind = ToolChoiceKind::none;
        } else if (type == "any") {
            read.kind = ToolChoiceKind::required;
        } else if (type == "tool") {
            read.kind = ToolChoiceKind::named;
            read.name = shorten_tool_name(choice["name"].text(), translation_->arena());
        } else {
            return translation_->invalid("tool_choice", "'tool_choice' has an unknown type.");
        }
        return drop_unmet_choice(read);
    }

    // Of a tool that was left out, or without any tool.
    Status drop_unmet_choice(ToolChoice& choice) {
        const auto tools = tools_.view();
        const bool is_met =
            choice.kind == ToolChoiceKind::named
                ? std::ranges::any_of(
                      tools, [&choice](const Tool& tool) { return tool.name == choice.name.raw; })
                : !tools.empty();
        if (is_met) {
            return {};
        }
        const bool is_forced =
            choice.kind == ToolChoiceKind::named || choice.kind == ToolChoiceKind::required;
        choice = {};
        return is_forced ? translation_->drop("tool_choice") : Status();
    }

    ChatRequest* request_;
    Translation* translation_;
    ArenaList<Tool> tools_;
    ArenaList<RenamedTool> renamed_;
};

}  // namespace

Status read_messages_tools(const Value& body, ChatRequest& request, Translation& translation) {
    return ToolsReader(request, translation).read(body);
}

}  // namespace sluice::providers
