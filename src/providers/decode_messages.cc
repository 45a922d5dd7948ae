// From a client's Messages request to the canonical one.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "crypto/digest.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "providers/canonical.h"
#include "providers/messages.h"
#include "providers/messages_input.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

using json::Value;

constexpr std::array<std::string_view, 14> kKnown = {
    "model",       "max_tokens", "messages",       "system",  "temperature",
    "top_p",       "top_k",      "stop_sequences", "stream",  "tools",
    "tool_choice", "thinking",   "output_config",  "metadata"};

std::string_view number_of(const Value& value) {
    return value.is_number() ? value.raw() : std::string_view();
}

Status read_stop(const Value& body, ChatRequest& request, Translation& translation) {
    const Value& sequences = body["stop_sequences"];
    ArenaList<Text> stop(translation.arena());
    for (const Value& sequence : sequences) {
        if (!sequence.is_string()) {
            return translation.invalid("stop_sequences", "'stop_sequences' must hold strings.");
        }
        stop.push_back(sequence.text());
    }
    request.stop = stop.view();
    return {};
}

// In OpenAI's words, for whoever does not take Anthropic's own.
void read_thinking(const Value& body, ChatRequest& request) {
    constexpr int64_t kLowBudgetMax = 4096;
    constexpr int64_t kMediumBudgetMax = 16384;
    const Value& thinking = body["thinking"];
    request.reasoning_effort = body["output_config"]["effort"].text();
    if (!thinking.is_object()) {
        return;
    }
    request.thinking = thinking.raw();
    const Text type = thinking["type"].text();
    if (type == "disabled") {
        request.reasoning_effort = {"none"};
    } else if (type == "enabled") {
        const int64_t budget = thinking["budget_tokens"].integer().value_or(kMediumBudgetMax);
        request.reasoning_effort = {budget <= kLowBudgetMax      ? "low"
                                    : budget <= kMediumBudgetMax ? "medium"
                                                                 : "high"};
    } else if (request.reasoning_effort.empty()) {
        request.reasoning_effort = {"high"};
    }
}

Status read_format(const Value& body, Translation& translation, ChatRequest& request) {
    const Value& format = body["output_config"]["format"];
    if (format["type"].text() != "json_schema") {
        return {};
    }
    if (!format["schema"].is_object()) {
        return translation.invalid("output_config.format.schema", "The schema must be an object.");
    }
    request.response_format = {.kind = FormatKind::json_schema,
                               .name = {"response"},
                               .schema = format["schema"].raw(),
                               .strict = true};
    return {};
}

// OpenAI takes 64 characters; coding agents send more.
void read_user(const Value& body, ChatRequest& request, Arena& arena) {
    constexpr size_t kUserCharactersMax = 64;
    const Text user = body["metadata"]["user_id"].text();
    const std::string_view plain = json::unescape(user.raw, arena).value_or(user.raw);
    const auto characters = std::ranges::count_if(plain, [](char c) { return (c & 0xC0) != 0x80; });
    request.safety_identifier = static_cast<size_t>(characters) <= kUserCharactersMax
                                    ? user
                                    : Text{arena.copy(crypto::hex(crypto::sha256(plain)))};
}

Status drop_others(const Value& body, Translation& translation) {
    for (const Value& member : body) {
        if (std::ranges::find(kKnown, member.key().raw) == kKnown.end() && !member.is_nothing()) {
            TRY_VOID(translation.drop(member.key().raw));
        }
    }
    return {};
}

}  // namespace

Result<const ChatRequest*> decode_messages_request(const Value& body, Translation& translation) {
    if (!body.is_object()) {
        return translation.invalid({}, "The body must be a JSON object.");
    }
    if (body["model"].text().empty()) {
        return translation.invalid("model", "'model' must be a string.");
    }
    Arena& arena = translation.arena();
    ChatRequest& request = arena.make<ChatRequest>();
    request.model = body["model"].text();
    TRY(request.messages, read_messages_history(body, translation));
    request.max_tokens = number_of(body["max_tokens"]);
    request.is_max_completion_tokens = true;
    request.temperature = number_of(body["temperature"]);
    request.top_p = number_of(body["top_p"]);
    request.top_k = number_of(body["top_k"]);
    request.stream = body["stream"].is_true();
    request.include_usage = request.stream;
    TRY_VOID(read_stop(body, request, translation));
    TRY_VOID(read_messages_tools(body, request, translation));
    read_thinking(body, request);
    TRY_VOID(read_format(body, translation, request));
    read_user(body, request, arena);
    TRY_VOID(drop_others(body, translation));
    return &request;
}

}  // namespace sluice::providers
