// Tools of a Messages request, which of them may or must be called, and what has no place in it.
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
#include "providers/emulated_json.h"
#include "providers/messages_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kEmptySchema = R"({"type":"object","properties":{}})";

// Anthropic wants to read that the root is an object.
void write_schema(std::string_view schema, Arena& arena, json::Writer& writer) {
    const Result<const json::Value*> tree = json::Value::parse(schema, arena, ErrorSource::client);
    writer.key("input_schema");
    if (!tree || !(**tree).is_object() || (**tree).size() == 0) {
        writer.raw(kEmptySchema);
        return;
    }
    if ((**tree)["type"].is_present()) {
        writer.raw(schema);
        return;
    }
    writer.raw(arena.join({R"({"type":"object",)", schema.substr(schema.find('{') + 1)}));
}

bool is_offered(const Tool& tool, const ToolChoice& choice) {
    return choice.kind != ToolChoiceKind::allowed ||
           std::ranges::any_of(choice.allowed,
                               [&tool](Text name) { return name == tool.name.raw; });
}

void write_choice(std::string_view type, Text name, bool is_single, json::Writer& writer) {
    writer.key("tool_choice").begin_object().key("type").string(type);
    if (!name.empty()) {
        writer.key("name").text(name.raw);
    }
    if (is_single) {
        writer.key("disable_parallel_tool_use").boolean(true);
    }
    writer.end_object();
}

class ToolsWriter {
public:
    ToolsWriter(const ChatRequest& request,
                const MessagesPlan& plan,
                Translation& translation,
                json::Writer& writer)
        : request_(&request), plan_(&plan), translation_(&translation), writer_(&writer) {}

    Status write() {
        if (request_->tools.empty() && plan_->json != JsonOutput::tool) {
            write_tools_of_history();
            return {};
        }
        bool has_any = plan_->json == JsonOutput::tool;
        writer_->key("tools").begin_array();
        for (const Tool& tool : request_->tools) {
            if (is_offered(tool, request_->tool_choice)) {
                write_tool(tool);
                has_any = true;
            }
        }
        if (plan_->json == JsonOutput::tool) {
            write_json_tool();
        }
        writer_->end_array();
        return has_any ? write_tool_choice() : Status();
    }

private:
    void write_tool(const Tool& tool) {
        writer_->begin_object().key("name").text(tool.name.raw);
        if (!tool.description.empty()) {
            writer_->key("description").text(tool.description.raw);
        }
        write_schema(tool.parameters, scratch_, *writer_);
        scratch_.clear();
        if (tool.strict && plan_->has_structured_output) {
            writer_->key("strict").boolean(*tool.strict);
        }
        if (!tool.cache_control.empty()) {
            writer_->key("cache_control").raw(tool.cache_control);
        }
        writer_->end_object();
    }

    void write_json_tool() {
        Arena& arena = translation_->arena();
        const std::string_view schema = request_->response_format.schema;
        writer_->begin_object().key("name").string(json_tool_for(schema, arena));
        writer_->key("description").string(kJsonToolDescription);
        write_schema(json_tool_schema(schema, arena), arena, *writer_);
        writer_->end_object();
    }

    // A history with calls is refused without tools: those that were called are described, but
    // may not be called again.
    void write_tools_of_history() {
        ArenaList<std::string_view> names(translation_->arena());
        for (const Message& message : request_->messages) {
            for (const ToolCall& call : message.tool_calls) {
                names.push_back(call.name.raw);
            }
        }
        if (names.empty()) {
            return;
        }
        std::ranges::sort(names.view());
        writer_->key("tools").begin_array();
        for (size_t i = 0; i < names.size(); ++i) {
            if (i == 0 || names[i] != names[i - 1]) {
                writer_->begin_object().key("name").text(names[i]);
                writer_->key("input_schema").raw(kEmptySchema).end_object();
            }
        }
        writer_->end_array();
        write_choice("none", {}, false, *writer_);
    }

    Status write_tool_choice() {
        const bool is_single = request_->parallel_tool_calls == std::optional(false);
        if (plan_->json == JsonOutput::tool && request_->tools.empty()) {
            write_choice("tool",
                         {json_tool_for(request_->response_format.schema, translation_->arena())},
                         true, *writer_);
            return {};
        }
        const ToolChoice& choice = request_->tool_choice;
        const bool is_forced = choice.kind == ToolChoiceKind::required ||
                               choice.kind == ToolChoiceKind::named ||
                               (choice.kind == ToolChoiceKind::allowed && choice.is_required);
        if (choice.kind == ToolChoiceKind::none) {
            write_choice("none", {}, false, *writer_);
        } else if (is_forced && !plan_->takes_forced_choice) {
            TRY_VOID(translation_->drop("tool_choice"));
            write_choice("auto", {}, is_single, *writer_);
        } else if (choice.kind == ToolChoiceKind::named) {
            write_choice("tool", choice.name, is_single, *writer_);
        } else if (is_forced) {
            write_choice("any", {}, is_single, *writer_);
        } else if (choice.kind != ToolChoiceKind::absent || is_single) {
            write_choice("auto", {}, is_single, *writer_);
        }
        return {};
    }

    const ChatRequest* request_;
    const MessagesPlan* plan_;
    Translation* translation_;
    json::Writer* writer_;
    Arena scratch_;
};

// What services say when they are asked for nothing in particular.
bool is_zero(std::string_view number) {
    return number.find_first_not_of("-0.") == std::string_view::npos;
}

Status refuse_what_matters(const ChatRequest& request,
                           const Target& target,
                           Translation& translation) {
    if (!request.tools.empty() && !target.capabilities().tools) {
        return translation.refuse("tools", "The model does not call tools.");
    }
    if (!request.n.empty() && request.n != "1") {
        return translation.refuse("n", "The model's provider gives one choice only.");
    }
    if (request.logprobs == std::optional(true)) {
        return translation.refuse("logprobs", "The model's provider gives no log probabilities.");
    }
    for (const Member& other : request.others) {
        const bool wants_audio =
            other.key == "audio" || (other.key == "modalities" && other.value.contains("audio"));
        if (wants_audio && other.value != "null") {
            return translation.refuse(other.key, "The model does not answer in audio.");
        }
    }
    return {};
}

}  // namespace

Status write_messages_tools(const ChatRequest& request,
                            const MessagesPlan& plan,
                            Translation& translation,
                            json::Writer& writer) {
    return ToolsWriter(request, plan, translation, writer).write();
}

Status drop_for_messages(const ChatRequest& request,
                         const Target& target,
                         Translation& translation) {
    TRY_VOID(refuse_what_matters(request, target, translation));
    const Member hints[] = {
        {.key = "presence_penalty",
         .value = is_zero(request.presence_penalty) ? "" : request.presence_penalty},
        {.key = "frequency_penalty",
         .value = is_zero(request.frequency_penalty) ? "" : request.frequency_penalty},
        {.key = "seed", .value = request.seed},
        {.key = "top_logprobs", .value = request.top_logprobs},
        {.key = "logit_bias", .value = request.logit_bias},
        {.key = "metadata", .value = request.metadata},
    };
    for (const Member& hint : hints) {
        if (!hint.value.empty()) {
            TRY_VOID(translation.drop(hint.key));
        }
    }
    for (const Member& other : request.others) {
        if (other.key != "modalities" && other.value != "null") {
            TRY_VOID(translation.drop(other.key));
        }
    }
    return {};
}

}  // namespace sluice::providers
