// Vendor: a service, as data: which dialect it speaks, where it is, how it wants its key, and in
// what it differs from others that speak the same dialect.
//
// One file and one line of vendor_table.cc for each. A configuration starts from a row of the
// table and may change every value, so that most new services need no code.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/translation.h"

namespace sluice::providers {

class CallSignatures;

// What a client asks for.
enum class Operation : uint8_t {
    chat,  // In whatever dialect.
    completions,
    embeddings,
    responses,
    models,
    count_tokens,
};

enum class AuthScheme : uint8_t {
    none,
    bearer,  // authorization: Bearer KEY
    header,  // A header of its own: x-api-key, api-key, x-goog-api-key.
    query,   // A parameter of the URL.
    google,  // Bearer, from a service account's signed JWT.
    entra,   // Bearer, of an application or a machine that Microsoft Entra ID knows.
    sigv4,   // AWS: signed, unless the key is a Bedrock API key, which is a bearer.
};

// In what a service differs from the dialect as its inventor speaks it. Names are those of the
// configuration.
enum class Quirk : uint32_t {
    // Replies are decoded and encoded again even for clients of the same dialect, because they
    // deviate (protocols of OpenAI-compatible servers, rules 1-12).
    normalize_replies = 1U << 0,
    // stream_options is refused or useless.
    no_stream_options = 1U << 1,
    // max_tokens only; max_completion_tokens is renamed.
    max_tokens_only = 1U << 2,
    // No role "developer"; it becomes "system".
    no_developer_role = 1U << 3,
    // Fields that only OpenAI itself knows are left out: store, metadata, service_tier, ...
    no_openai_extras = 1U << 4,
    // tool_choice "required" is called "any".
    tool_choice_any = 1U << 5,
    // Ids of tool calls have exactly nine letters or digits.
    nine_letter_tool_ids = 1U << 6,
    // seed is called random_seed.
    random_seed = 1U << 7,
    // reasoning_content of earlier turns goes back, as "reasoning_content".
    returns_reasoning_content = 1U << 8,
    // Likewise, as "reasoning".
    returns_reasoning = 1U << 9,
    // logprobs, top_logprobs, logit_bias, messages[].name and n > 1 are refused.
    no_logprobs = 1U << 10,
    // The model is part of the URL, not of the body.
    model_in_url = 1U << 11,
    // strict and parallel_tool_calls are unknown.
    no_strict_tools = 1U << 12,
    // Unknown fields are refused: only OpenAI's and the vendor's own_fields are sent.
    known_fields_only = 1U << 13,
    // Reasoning is switched by "thinking": {"type": "enabled"}; then no tool can be demanded.
    thinking_switch = 1U << 14,
    // reasoning_effort is called reasoning.effort.
    reasoning_object = 1U << 15,
    // The chat template decides about reasoning: chat_template_kwargs.enable_thinking.
    template_thinking = 1U << 16,
    // reasoning_effort knows low, medium and high only.
    three_efforts = 1U << 17,
    // What this gateway adds to OpenAI's API is understood, or passed on to who understands it:
    // cache_control, thinking_blocks, extra_content.
    takes_extensions = 1U << 18,
    // Text Generation Inference: its form of response_format, and the values it refuses.
    tgi_request = 1U << 19,
    // Reasoning of turns that are over goes back as well: the server's template decides.
    returns_old_reasoning = 1U << 20,
    // Replies have ids that come again: the client gets one of ours.
    ids_repeat = 1U << 21,
    // An answer is gone on with by continue_final_message, without a prompt for a new one.
    continue_final_message = 1U << 22,
    // An answer is gone on with where its message says "prefix": true.
    prefix_flag = 1U << 23,
};

using Quirks = uint32_t;
constexpr Quirks operator|(Quirk a, Quirk b) {
    return static_cast<Quirks>(a) | static_cast<Quirks>(b);
}
constexpr Quirks operator|(Quirks a, Quirk b) {
    return a | static_cast<Quirks>(b);
}

// Defaults for a service's models; a configuration may say otherwise. See docs/PROVIDERS.md.
struct Capabilities {
    bool stream = true;
    bool tools = true;
    bool parallel_tools = true;
    bool tool_choice_required = true;  // required and named
    bool vision = true;
    bool image_urls = true;  // Fetches https URLs itself; else the gateway does.
    bool audio = false;
    bool files = false;  // PDF
    bool json_object = true;
    bool json_schema = true;
    bool reasoning = true;
    bool logprobs = true;
    bool many_choices = true;  // n
    bool embeddings = false;
    bool count_tokens = false;
    bool responses = false;    // OpenAI's Responses API
    bool completions = false;  // OpenAI's legacy completions
    bool prefill = false;      // Goes on with an answer whose beginning it is given.

    bool operator==(const Capabilities&) const = default;
};

struct HeaderLine {
    std::string_view name;
    std::string_view value;
};

// What a path is made of. Plain texts.
struct PathContext {
    Operation operation = Operation::chat;
    std::string_view model = {};
    bool stream = false;
    std::string_view base_url = {};     // As configured: some services have several forms.
    std::string_view api_version = {};  // Azure
    std::string_view project = {};      // Vertex
    std::string_view location = {};     // Vertex; AWS region
};

struct Vendor {
    std::string_view name;
    std::string_view title;  // For people.
    Dialect dialect = Dialect::chat;
    // May hold {region}, {location}, {project}, {resource}; empty when the configuration must say.
    std::string_view base_url = {};
    std::string_view key_env = {};  // Where the key is looked for when nothing is configured.
    AuthScheme auth = AuthScheme::bearer;
    std::string_view auth_name = {};  // Of the header or parameter.
    std::span<const HeaderLine> headers = {};
    // Appends path and query below the base URL, beginning with '/'. False when the service has no
    // such operation.
    bool (*path)(const PathContext& context, json::TextOutput& to) = nullptr;
    Quirks quirks = 0;
    Capabilities capabilities = {};
    // Streams are asked for their usage on the gateway's own account, where the dialect has that.
    bool asks_for_usage = true;
    // Fields of requests and messages that are this service's own.
    std::span<const std::string_view> own_fields = {};
    // OpenAI's top-level fields that it has no counterpart for: hints that are left out.
    std::span<const std::string_view> dropped_fields = {};
    // Anthropic's API as another cloud hosts it: the version that bodies name there instead of the
    // model, which is in the path.
    std::string_view hosted_version = {};
    // Where a server of one's own says how it is, below the base URL without its /v1; needs no key.
    std::string_view health_path = {};

    bool has(Quirk quirk) const { return (quirks & static_cast<Quirks>(quirk)) != 0; }
};

// One request's destination, as encoders see it.
struct Target {
    const Vendor* vendor = nullptr;
    std::string_view model = {};         // The provider's name; plain.
    uint32_t max_tokens_default = 4096;  // For dialects that demand a limit.
    bool is_stream = false;
    // The encoder may add what makes a stream report its usage.
    bool wants_usage = true;
    CallSignatures* signatures = nullptr;  // Null: they are not remembered.

    bool has(Quirk quirk) const { return vendor->has(quirk); }
    const Capabilities& capabilities() const { return vendor->capabilities; }
};

std::span<const Vendor* const> vendors();
const Vendor* find_vendor(std::string_view name);

// For configurations.
std::string_view quirk_name(Quirk quirk);
std::span<const std::string_view> quirk_names();
bool find_quirk(std::string_view name, Quirk& quirk);
// Capabilities go by the names of their members. False when there is none of that name.
bool set_capability(Capabilities& capabilities, std::string_view name, bool value);
std::span<const std::string_view> capability_names();
bool has_capability(const Capabilities& capabilities, std::string_view name);

// Paths of services that speak OpenAI's API: /chat/completions, /embeddings, ...
bool openai_path(const PathContext& context, json::TextOutput& to);

}  // namespace sluice::providers
