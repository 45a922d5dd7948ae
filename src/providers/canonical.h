// The canonical chat request: what every dialect can be decoded to and encoded from.
//
// It follows the shape of OpenAI's chat completions, the richest of them, without its wire form.
// Texts stay escaped as they were written (json::Text), numbers stay as their digits and JSON
// values (schemas, arguments) stay as their bytes, so that translating copies and never re-spells.
// Plain values in the arena of the exchange; absent is empty.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "json/tree.h"

namespace sluice::providers {

using json::Text;

// A member that the canonical form has no place for, as it was written.
struct Member {
    std::string_view key;
    std::string_view value;
};

enum class Role : uint8_t { system, developer, user, assistant, tool };

// As most services call it; a developer is OpenAI's word for the system.
constexpr std::string_view role_name(Role role) {
    switch (role) {
        case Role::system:
        case Role::developer:
            return "system";
        case Role::user:
            return "user";
        case Role::assistant:
            return "assistant";
        case Role::tool:
            return "tool";
    }
    return "user";
}

enum class PartType : uint8_t { text, image, audio, file };

// One piece of a message's content.
struct Part {
    PartType type = PartType::text;
    Text text = {};
    // Image, audio, file: either where it is, or base64 with its media type, or an id of a service.
    Text url = {};         // Never a data: URL; those are taken apart.
    Text media_type = {};  // "image/png"; of audio "audio/wav".
    Text data = {};        // Base64, standard alphabet.
    Text file_id = {};
    Text file_name = {};
    Text detail = {};                     // OpenAI's hint for images.
    std::string_view cache_control = {};  // JSON, as Anthropic defines it.
};

// Reasoning as its provider wants it back: with a signature, or encrypted.
struct ThinkingBlock {
    Text thinking = {};
    Text signature = {};
    Text redacted = {};  // The data of a redacted block; then the others are empty.
};

struct ToolCall {
    Text id = {};
    Text name = {};
    // JSON as the model wrote it, no longer inside a string. May be cut or broken: who needs an
    // object must parse it.
    std::string_view arguments = {};
    Text signature = {};  // Gemini's thought signature.
};

struct Message {
    Role role = Role::user;
    std::span<const Part> parts = {};
    bool is_plain = false;  // The content was one string rather than a list of parts.
    std::span<const ToolCall> tool_calls = {};
    Text tool_call_id = {};  // Role tool: which call it answers.
    bool is_error = false;   // Role tool: the tool failed.
    Text name = {};
    Text refusal = {};
    Text reasoning = {};
    std::span<const ThinkingBlock> thinking = {};
    std::string_view cache_control = {};
    // Extensions of one service: prefix, reasoning_details, audio. Others leave them out.
    std::span<const Member> others = {};
};

struct Tool {
    Text name = {};
    Text description = {};
    std::string_view parameters = {};  // A JSON schema; empty when there is none.
    std::optional<bool> strict = {};
    std::string_view cache_control = {};
};

enum class ToolChoiceKind : uint8_t { absent, automatic, none, required, named, allowed };

struct ToolChoice {
    ToolChoiceKind kind = ToolChoiceKind::absent;
    Text name = {};                      // named
    std::span<const Text> allowed = {};  // allowed: these only,
    bool is_required = false;            // and one of them must be called.
};

enum class FormatKind : uint8_t { absent, text, json_object, json_schema };

struct ResponseFormat {
    FormatKind kind = FormatKind::absent;
    Text name = {};
    Text description = {};
    std::string_view schema = {};
    std::optional<bool> strict = {};
};

// A tool whose name is longer than most services allow goes by a shorter one.
struct RenamedTool {
    Text name = {};  // The client's.
    Text sent = {};
};

struct ChatRequest {
    Text model = {};
    std::span<const Message> messages = {};

    // Numbers as written.
    std::string_view max_tokens = {};
    bool is_max_completion_tokens = false;  // Which of OpenAI's two names the client used.
    std::string_view temperature = {};
    std::string_view top_p = {};
    std::string_view top_k = {};
    std::string_view n = {};
    std::string_view presence_penalty = {};
    std::string_view frequency_penalty = {};
    std::string_view seed = {};
    std::string_view top_logprobs = {};

    std::span<const Text> stop = {};
    bool stream = false;
    bool says_stream = false;    // The client wrote the member, if only to say no.
    bool include_usage = false;  // The client wants the usage chunk of a stream.
    std::optional<bool> logprobs = {};
    std::optional<bool> parallel_tool_calls = {};

    std::span<const Tool> tools = {};
    std::span<const RenamedTool> renamed_tools = {};  // For the ReplyContext.
    ToolChoice tool_choice = {};
    bool uses_functions = false;  // OpenAI's API before tools: replies go back in its form.
    ResponseFormat response_format = {};
    Text reasoning_effort = {};      // none, minimal, low, medium, high, xhigh, max
    std::string_view thinking = {};  // JSON, in Anthropic's form; wins over the effort.

    Text user = {};
    Text safety_identifier = {};
    Text service_tier = {};
    std::string_view metadata = {};    // JSON
    std::string_view logit_bias = {};  // JSON

    // The last message is the beginning of the answer, which the model is to go on with.
    bool continues_answer = false;

    // What the reply repeats of the request (Responses): members of its object, in the arena.
    std::string_view echo = {};

    // Everything else at the top level. OpenAI's own services and custom ones get it unchanged.
    std::span<const Member> others = {};
};

enum class FinishReason : uint8_t { stop, length, tool_calls, content_filter };

// What a reply says that it was billed as.
enum class ServiceTier : uint8_t { standard, flex, priority, batch };
inline constexpr size_t kServiceTiers = 4;

// From the word in a reply: OpenAI's and Anthropic's service_tier, Gemini's serviceTier and
// trafficType, in any case of letters. Words that mean nothing special are the standard tier.
ServiceTier service_tier_of(std::string_view word);

// Whatever a provider's convention, prompt_tokens includes what was read from and written to a
// cache, and completion_tokens includes reasoning. Below zero: not reported.
struct Usage {
    int64_t prompt_tokens = -1;
    int64_t completion_tokens = -1;
    int64_t total_tokens = -1;  // As reported; else the sum.
    int64_t cached_tokens = -1;
    int64_t cache_write_tokens = -1;
    int64_t cache_write_1h_tokens = -1;  // Of those: kept for an hour, not for five minutes.
    int64_t reasoning_tokens = -1;
    int64_t audio_prompt_tokens = -1;
    int64_t audio_completion_tokens = -1;
    // What only services of OpenAI's kind report.
    int64_t text_prompt_tokens = -1;
    int64_t image_prompt_tokens = -1;
    int64_t video_prompt_tokens = -1;
    int64_t image_completion_tokens = -1;
    int64_t accepted_prediction_tokens = -1;
    int64_t rejected_prediction_tokens = -1;
    int64_t reported_cost_pico = -1;  // 10^-12 dollars, where the upstream names what it cost.
    ServiceTier tier = ServiceTier::standard;

    bool is_known() const { return prompt_tokens >= 0 || completion_tokens >= 0; }
    int64_t total() const {
        return total_tokens >= 0 ? total_tokens
                                 : (prompt_tokens < 0 ? 0 : prompt_tokens) +
                                       (completion_tokens < 0 ? 0 : completion_tokens);
    }
};

}  // namespace sluice::providers
