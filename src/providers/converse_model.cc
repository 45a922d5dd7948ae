// The families of Bedrock's models, and what a request may ask of them.
#include <algorithm>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/converse_request.h"
#include "providers/messages_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

struct FamilyRow {
    std::string_view name_part;
    BedrockFamily family;
};

// The first row whose part occurs in the id counts.
constexpr FamilyRow kFamilies[] = {
    {"claude", BedrockFamily::claude},
    {"nova-2", BedrockFamily::nova_2},
    {"nova", BedrockFamily::nova},
    {"gpt-oss", BedrockFamily::gpt_oss},
    {"mistral-large", BedrockFamily::mistral_large},
    {"pixtral-large", BedrockFamily::mistral_large},
};

// For the families that know three degrees only.
std::string_view nearest_effort(json::Text effort) {
    if (effort == "none" || effort == "minimal" || effort == "low") {
        return "low";
    }
    return effort == "medium" ? "medium" : "high";
}

Status plan_reasoning(const ChatRequest& request,
                      const Target& target,
                      Translation& translation,
                      ConversePlan& plan) {
    if (request.reasoning_effort.empty()) {
        return {};
    }
    if (!target.capabilities().reasoning) {
        return translation.drop("reasoning_effort");
    }
    if (plan.family == BedrockFamily::gpt_oss) {
        plan.effort = nearest_effort(request.reasoning_effort);
        return {};
    }
    if (plan.family != BedrockFamily::nova_2) {
        return translation.drop("reasoning_effort");
    }
    if (request.reasoning_effort == "none") {
        plan.effort = "none";
        return {};
    }
    // Nova takes no sampling while it reasons, and at its most no limit either.
    plan.effort = nearest_effort(request.reasoning_effort);
    plan.has_free_sampling = false;
    plan.has_free_limit = plan.effort != "high";
    return {};
}

Status plan_json(const ChatRequest& request, Translation& translation, ConversePlan& plan) {
    const ResponseFormat& format = request.response_format;
    if (format.kind == FormatKind::absent || format.kind == FormatKind::text) {
        return {};
    }
    if (format.kind == FormatKind::json_object || format.schema.empty()) {
        plan.json = JsonOutput::instruction;
        return {};
    }
    const bool can_call = plan.takes_forced_choice && plan.effort.empty() &&
                          request.tool_choice.kind != ToolChoiceKind::none;
    plan.json = can_call ? JsonOutput::tool : JsonOutput::instruction;
    return can_call ? Status() : translation.drop("response_format");
}

}  // namespace

BedrockFamily bedrock_family(std::string_view model) {
    const auto* const found = std::ranges::find_if(
        kFamilies, [model](const FamilyRow& row) { return model.contains(row.name_part); });
    return found == std::end(kFamilies) ? BedrockFamily::other : found->family;
}

Result<ConversePlan> plan_converse(const ChatRequest& request,
                                   const Target& target,
                                   Translation& translation) {
    ConversePlan plan = {.family = bedrock_family(target.model)};
    if (plan.is_claude()) {
        TRY(plan.claude, plan_messages(request, target, translation));
        plan.takes_forced_choice = plan.claude.takes_forced_choice;
        plan.takes_cache_points = true;
        plan.has_free_sampling = plan.claude.takes_sampling && !plan.claude.is_thinking;
        plan.has_budget = plan.claude.thinking.contains("\"budget_tokens\"");
        plan.json = plan.claude.json;
        return plan;
    }
    const bool is_nova = plan.family == BedrockFamily::nova || plan.family == BedrockFamily::nova_2;
    // An ARN does not tell: the service may refuse what it does not like.
    const bool is_unknown = plan.family == BedrockFamily::other && target.model.starts_with("arn:");
    plan.takes_forced_choice = is_nova || is_unknown || plan.family == BedrockFamily::mistral_large;
    plan.takes_cache_points = is_nova;
    TRY_VOID(plan_reasoning(request, target, translation, plan));
    TRY_VOID(plan_json(request, translation, plan));
    return plan;
}

}  // namespace sluice::providers
