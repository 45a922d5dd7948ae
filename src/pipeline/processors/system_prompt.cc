// Where each dialect keeps its system prompt, and what each mode does there.
#include "pipeline/processors/system_prompt.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "pipeline/body_edits.h"
#include "pipeline/client_call.h"
#include "pipeline/json_path.h"
#include "pipeline/processor.h"
#include "pipeline/text_template.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

namespace {

using providers::Dialect;
using providers::Operation;
using Mode = SystemPromptMode;

// Between the operator's words and the client's, as JSON has it.
constexpr std::string_view kBetween = "\\n\\n";

// However the role is spelled, and if it is one of several.
bool is_system(const json::Value& item, Arena& arena) {
    if (!item.is_object()) {
        return false;
    }
    for (const json::Value& member : item) {
        if (!member.is_string() || !is_named(member, "role", arena)) {
            continue;
        }
        const auto role = json::unescape(member.text().raw, arena);
        if (role && (*role == "system" || *role == "developer")) {
            return true;
        }
    }
    return false;
}

const json::Value* first_system(const json::Value& items, Arena& arena) {
    for (const json::Value& item : items) {
        if (is_system(item, arena)) {
            return &item;
        }
    }
    return nullptr;
}

bool says_nothing(const json::Value& value) {
    return value.is_nothing() || (value.is_string() && value.text().empty()) ||
           (value.is_array() && value.size() == 0);
}

std::string_view text_part(std::string_view type, std::string_view text, Arena& arena) {
    return arena.join({R"({"type":")", type, R"(","text":")", text, "\"}"});
}

std::string_view quoted(std::string_view text, Arena& arena) {
    return arena.join({"\"", text, "\""});
}

bool takes_prompt(const ClientCall& call) {
    return call.is_known &&
           (call.operation == Operation::chat || call.operation == Operation::completions ||
            call.operation == Operation::responses || call.operation == Operation::count_tokens);
}

// Two of a kind would let a client choose which one the upstream takes.
Verdict refuse_twin(ProcessorContext& context, std::string_view name) {
    const std::string message =
        "Invalid body: '" + std::string(name) + "' must stand in it only once.";
    return context.refuse(ErrorKind::invalid_field, {.status = 400,
                                                     .type = "invalid_request_error",
                                                     .code = "duplicate_parameter",
                                                     .param = name,
                                                     .message = message});
}

}  // namespace

SystemPrompt::Plan::Plan(const SystemPromptOptions& options) : mode(options.mode) {
    auto parsed =
        TextTemplate::parse(options.text_file.empty() ? options.text : options.loaded_text);
    SLUICE_ASSERT(parsed.has_value());
    text = *std::move(parsed);
}

Verdict SystemPrompt::on_request(ProcessorContext& context) {
    if (!takes_prompt(context.call) || context.body.empty()) {
        return Verdict::proceed();
    }
    const auto tree = context.body.tree();
    if (!tree || !(*tree)->is_object()) {
        return Verdict::proceed();
    }
    const json::Value& top = **tree;
    for (const std::string_view name : {"messages", "system", "instructions", "input", "prompt"}) {
        size_t count = 0;
        const json::Value* const found = find_member(top, name, context.arena, count);
        if (count > 1 || (found != nullptr && found->key().raw != name)) {
            return refuse_twin(context, name);
        }
    }
    for (const char* const list : {"messages", "input"}) {
        for (const json::Value& item : top[list]) {
            size_t count = 0;
            const json::Value* const found =
                item.is_object() ? find_member(item, "content", context.arena, count) : nullptr;
            if (count > 1 || (found != nullptr && found->key().raw != "content")) {
                return refuse_twin(context, "content");
            }
        }
    }
    json::ArenaText text(context.arena);
    plan_.text.write(context, text);
    text_ = text.view();
    BodyEdits edits(context.body, context.arena);
    switch (context.call.dialect) {
        case Dialect::messages:
            edit(top, {"messages", "system", "text"}, context.arena, edits);
            break;
        case Dialect::responses:
            edit(top, {"input", "instructions", "input_text"}, context.arena, edits);
            break;
        case Dialect::completions:
            edit_prompts(top["prompt"], context.arena, edits);
            break;
        default:
            edit(top, {"messages", "", "text"}, context.arena, edits);
            break;
    }
    edits.apply();
    return Verdict::proceed();
}

void SystemPrompt::edit(const json::Value& top,
                        const Form& form,
                        Arena& arena,
                        BodyEdits& edits) const {
    // Anthropic's messages have no such roles.
    const bool has_roles = form.member != "system";
    const json::Value* const system = has_roles ? first_system(top[form.items], arena) : nullptr;
    const bool has_member = !form.member.empty() && !says_nothing(top[form.member]);
    if (plan_.mode == Mode::replace) {
        replace_all(top, form, arena, edits);
    } else if (plan_.mode == Mode::add_if_absent && (system != nullptr || has_member)) {
        return;
    } else if (has_member) {
        edit_content(top[form.member], form, arena, edits);
    } else if (system != nullptr && (form.member.empty() || plan_.mode == Mode::append)) {
        edit_content((*system)["content"], form, arena, edits);
    } else {
        edit_member(top, form, arena, edits);
    }
}

// There is none yet, or one that says nothing.
void SystemPrompt::edit_member(const json::Value& top,
                               const Form& form,
                               Arena& arena,
                               BodyEdits& edits) const {
    if (form.member.empty()) {
        const json::Value& items = top[form.items];
        if (items.is_array()) {
            edits.insert_first(items,
                               arena.join({R"({"role":"system","content":")", text_, "\"}"}));
        }
        return;
    }
    const json::Value& member = top[form.member];
    if (member.is_present()) {
        edits.replace(member, quoted(text_, arena));
    } else {
        edits.insert_first(top, arena.join({"\"", form.member, "\":\"", text_, "\""}));
    }
}

void SystemPrompt::edit_content(const json::Value& content,
                                const Form& form,
                                Arena& arena,
                                BodyEdits& edits) const {
    const bool is_first = plan_.mode == Mode::prepend;
    if (content.is_string() && is_first) {
        edits.put_before_text(content, arena.join({text_, kBetween}));
    } else if (content.is_string()) {
        edits.put_after_text(content, arena.join({kBetween, text_}));
    } else if (content.is_array() && is_first) {
        edits.insert_first(content, text_part(form.part_type, text_, arena));
    } else if (content.is_array()) {
        edits.insert_last(content, text_part(form.part_type, text_, arena));
    } else if (content.is_present()) {
        edits.replace(content, quoted(text_, arena));
    }
}

void SystemPrompt::replace_all(const json::Value& top,
                               const Form& form,
                               Arena& arena,
                               BodyEdits& edits) const {
    const json::Value& items = top[form.items];
    if (form.member == "system") {
        edit_member(top, form, arena, edits);
        return;
    }
    if (!form.member.empty()) {
        edit_member(top, form, arena, edits);
        edits.remove_children(items,
                              [&](const json::Value& item) { return is_system(item, arena); });
        return;
    }
    const json::Value* const kept = first_system(items, arena);
    const bool has_place = kept != nullptr && (*kept)["content"].is_present();
    if (has_place) {
        edits.replace((*kept)["content"], quoted(text_, arena));
    } else if (items.is_array()) {
        bool is_alone = true;
        for (const json::Value& item : items) {
            is_alone = is_alone && is_system(item, arena);
        }
        edits.insert_first(items, arena.join({R"({"role":"system","content":")", text_, "\"}"}),
                           is_alone);
    }
    edits.remove_children(items, [&](const json::Value& item) {
        return is_system(item, arena) && !(has_place && &item == kept);
    });
}

void SystemPrompt::edit_prompts(const json::Value& prompt, Arena& arena, BodyEdits& edits) const {
    const std::string_view before = arena.join({text_, kBetween});
    if (prompt.is_string()) {
        edits.put_before_text(prompt, before);
    }
    for (const json::Value& one : prompt) {
        if (one.is_string()) {
            edits.put_before_text(one, before);
        }
    }
}

}  // namespace sluice::pipeline
