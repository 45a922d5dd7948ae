// Thinking, token limits and JSON output of a Messages request, which hang together.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/claude_models.h"
#include "providers/messages_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr uint64_t kBudgetTokensMin = 1024;

struct EffortRow {
    std::string_view name;
    uint64_t budget_tokens;
    std::string_view effort;
};

constexpr std::array kEfforts = {
    EffortRow{.name = "minimal", .budget_tokens = 1024, .effort = "low"},
    EffortRow{.name = "low", .budget_tokens = 2048, .effort = "low"},
    EffortRow{.name = "medium", .budget_tokens = 8192, .effort = "medium"},
    EffortRow{.name = "high", .budget_tokens = 16384, .effort = "high"},
    EffortRow{.name = "xhigh", .budget_tokens = 32768, .effort = "xhigh"},
    EffortRow{.name = "max", .budget_tokens = UINT64_MAX, .effort = "max"},
};

const EffortRow* find_effort(json::Text name) {
    const auto* const found = std::ranges::find(kEfforts, name.raw, &EffortRow::name);
    return found == kEfforts.end() ? nullptr : found;
}

// The conversation goes on inside a turn whose calls were made without thinking, or whose thinking
// the client has not kept: Anthropic would refuse to think now.
bool continues_thoughtless_turn(std::span<const Message> messages) {
    size_t last = messages.size();
    while (last > 0 && messages[last - 1].role == Role::tool) {
        --last;
    }
    if (last == messages.size() || last == 0) {
        return false;
    }
    const Message& turn = messages[last - 1];
    return turn.role == Role::assistant && !turn.tool_calls.empty() &&
           std::ranges::none_of(turn.thinking, is_returnable);
}

class Planner {
public:
    Planner(const ChatRequest& request, const Target& target, Translation& translation)
        : request_(&request), translation_(&translation), model_(&claude_model(target.model)) {
        const Capabilities& can = target.capabilities();
        plan_.max_tokens = parse_decimal(request.max_tokens).value_or(target.max_tokens_default);
        plan_.takes_sampling = model_->takes_sampling;
        plan_.takes_forced_choice = model_->takes_forced_choice && can.tool_choice_required;
        plan_.has_structured_output = model_->has_structured_output && can.json_schema;
        can_think_ = can.reasoning;
    }

    Result<MessagesPlan> plan() {
        const bool is_asked = !request_->thinking.empty() || !request_->reasoning_effort.empty();
        if (is_asked && !can_think_) {
            TRY_VOID(translation_->drop("reasoning_effort"));
        } else if (!request_->thinking.empty()) {
            TRY_VOID(take_thinking());
        } else if (is_asked) {
            TRY_VOID(take_effort());
        }
        TRY_VOID(choose_json());
        return plan_;
    }

private:
    // As the client wrote it, in Anthropic's own form.
    Status take_thinking() {
        const Result<const json::Value*> tree =
            json::Value::parse(request_->thinking, translation_->arena(), ErrorSource::client);
        if (!tree || !(**tree).is_object()) {
            return translation_->invalid("thinking", "'thinking' must be an object.");
        }
        const json::Value& thinking = **tree;
        plan_.thinking = request_->thinking;
        const bool is_adaptive = thinking["type"].text() == "adaptive";
        const bool has_budget = thinking["type"].text() == "enabled";
        plan_.is_thinking = has_budget || is_adaptive;
        if (has_budget) {
            plan_.takes_forced_choice = false;
            make_room_for(static_cast<uint64_t>(
                std::max<int64_t>(0, thinking["budget_tokens"].integer().value_or(0))));
        }
        const EffortRow* const row = find_effort(request_->reasoning_effort);
        if (row != nullptr && is_adaptive) {
            set_effort(*row);
        }
        return {};
    }

    Status take_effort() {
        const ClaudeThinking kind = model_->thinking;
        if (request_->reasoning_effort == "none") {
            return switch_off();
        }
        const EffortRow* const row = find_effort(request_->reasoning_effort);
        if (row == nullptr || kind == ClaudeThinking::none ||
            (kind == ClaudeThinking::budget && continues_thoughtless_turn(request_->messages))) {
            return translation_->drop("reasoning_effort");
        }
        plan_.is_thinking = true;
        if (kind == ClaudeThinking::budget) {
            set_budget(row->budget_tokens);
            return {};
        }
        plan_.thinking = R"({"type":"adaptive"})";
        set_effort(*row);
        return {};
    }

    Status switch_off() {
        if (model_->thinking == ClaudeThinking::always_on) {
            return translation_->drop("reasoning_effort");
        }
        if (model_->thinking == ClaudeThinking::adaptive) {
            plan_.thinking = R"({"type":"disabled"})";
        }
        return {};
    }

    void set_effort(const EffortRow& row) {
        plan_.effort = row.effort == "xhigh" && !model_->takes_effort_xhigh ? "max" : row.effort;
    }

    // What is asked for, as long as half of what the model can write is left for the answer, or as
    // much as the client wants of it.
    void set_budget(uint64_t wanted) {
        const uint64_t most = model_->output_tokens_max;
        const uint64_t answer = std::min(plan_.max_tokens, most / 2);
        const uint64_t budget = std::max(kBudgetTokensMin, std::min(wanted, most - answer));
        plan_.takes_forced_choice = false;
        json::ArenaText text(translation_->arena(), 64);
        json::Writer(text)
            .begin_object()
            .key("type")
            .string("enabled")
            .key("budget_tokens")
            .unsigned_integer(budget)
            .end_object();
        plan_.thinking = text.view();
        make_room_for(budget);
    }

    void make_room_for(uint64_t budget) {
        if (plan_.max_tokens <= budget) {
            plan_.max_tokens += budget;
        }
    }

    Status choose_json() {
        const ResponseFormat& format = request_->response_format;
        if (format.kind == FormatKind::absent || format.kind == FormatKind::text) {
            return {};
        }
        if (format.kind == FormatKind::json_object || format.schema.empty()) {
            plan_.json = JsonOutput::instruction;
            return {};
        }
        if (plan_.has_structured_output) {
            plan_.json = JsonOutput::native;
            return {};
        }
        const bool can_call = !plan_.is_thinking && plan_.takes_forced_choice &&
                              request_->tool_choice.kind != ToolChoiceKind::none;
        plan_.json = can_call ? JsonOutput::tool : JsonOutput::instruction;
        return can_call ? Status() : translation_->drop("response_format");
    }

    const ChatRequest* request_;
    Translation* translation_;
    const ClaudeModel* model_;
    bool can_think_ = true;
    MessagesPlan plan_;
};

}  // namespace

Result<MessagesPlan> plan_messages(const ChatRequest& request,
                                   const Target& target,
                                   Translation& translation) {
    return Planner(request, target, translation).plan();
}

}  // namespace sluice::providers
