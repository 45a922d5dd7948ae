// Hints by name, in the order of OpenAI's documentation.
#include "providers/request_limits.h"

#include <algorithm>
#include <expected>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "providers/canonical.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

// Penalties of nothing are no hint.
bool is_zero(std::string_view number) {
    return number.find_first_not_of("-0.") == number.npos;
}

bool asks_for_audio(const Member& member) {
    return member.value != "null" &&
           (member.key == "audio" ||
            (member.key == "modalities" && member.value.contains("\"audio\"")));
}

Status refuse_what_matters(const ChatRequest& request,
                           const TakenHints& taken,
                           Translation& translation) {
    if (!request.n.empty() && request.n != "1") {
        return translation.refuse("n", "The model's provider gives one choice only.");
    }
    if (request.logprobs == std::optional(true) && !taken.logprobs) {
        return translation.refuse("logprobs", "The model's provider gives no log probabilities.");
    }
    const auto audio = std::ranges::find_if(request.others, asks_for_audio);
    if (audio != request.others.end()) {
        return translation.refuse(audio->key, "The model does not answer in audio.");
    }
    return {};
}

}  // namespace

Status check_limits(const ChatRequest& request, const TakenHints& taken, Translation& translation) {
    TRY_VOID(refuse_what_matters(request, taken, translation));
    const struct {
        std::string_view name;
        bool is_lost;
    } hints[] = {
        {"presence_penalty", !taken.penalties && !is_zero(request.presence_penalty)},
        {"frequency_penalty", !taken.penalties && !is_zero(request.frequency_penalty)},
        {"seed", !taken.seed && !request.seed.empty()},
        {"top_k", !taken.top_k && !request.top_k.empty()},
        {"logit_bias", !request.logit_bias.empty()},
        {"user", !request.user.empty()},
        {"safety_identifier", !request.safety_identifier.empty()},
        {"service_tier", !taken.service_tier && !request.service_tier.empty()},
        {"metadata", !request.metadata.empty()},
    };
    for (const auto& [name, is_lost] : hints) {
        if (is_lost) {
            TRY_VOID(translation.drop(name));
        }
    }
    for (const Member& other : request.others) {
        if (other.key != "modalities" && other.value != "null") {
            TRY_VOID(translation.drop(other.key));
        }
    }
    return {};
}

std::unexpected<Error> refuse_remote_image(Translation& translation, std::string_view place) {
    return translation.refuse(place, "The model's provider cannot fetch images.",
                              "invalid_image_url");
}

bool is_forced(const ToolChoice& choice) {
    return choice.kind == ToolChoiceKind::required || choice.kind == ToolChoiceKind::named ||
           (choice.kind == ToolChoiceKind::allowed && choice.is_required);
}

bool offers(const ToolChoice& choice, const Tool& tool) {
    if (choice.kind == ToolChoiceKind::allowed) {
        return std::ranges::find(choice.allowed, tool.name.raw, &Text::raw) != choice.allowed.end();
    }
    return choice.kind != ToolChoiceKind::none;
}

}  // namespace sluice::providers
