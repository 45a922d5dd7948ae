// Renders the table of vendors, and says of every name in it what it means.
#include "config/provider_reference.h"

#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/assert.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::config {

namespace {

using providers::AuthScheme;
using providers::Dialect;
using providers::Vendor;

constexpr std::string_view kIntroduction = R"md(# Providers

<!-- Made by `sluice provider-reference` from the rows in src/providers/vendor_*.cc: edit those. -->

An upstream names its provider; everything else has a default:

```toml
[llm.claude]
provider = "anthropic"

[[route]]
path_prefix = "/v1"
target_llm = "claude"
```

`provider = "simulated"` is the LLM inside the gateway, which needs nothing.

What a row says holds for a service as a whole. Models differ: `supports` and `lacks` correct it for
one upstream, `quirks` adds to it. A service without a row is `openai_compatible` with a `base_url`;
see [ADDING_A_PROVIDER.md](ADDING_A_PROVIDER.md). Each `+` is shown by a file of
`tests/data/providers/<name>`.

## What each can do

)md";

struct Feature {
    std::string_view name;     // The capability's.
    std::string_view heading;  // Short, as the table is wide.
    std::string_view help;
};

constexpr Feature kFeatures[] = {
    {"stream", "stream", "Replies event by event."},
    {"tools", "tools", "Calls of functions."},
    {"parallel_tools", "parallel", "Several calls in one reply."},
    {"tool_choice_required", "forced", "`tool_choice` \"required\", or one tool by name."},
    {"vision", "images", "Images in messages."},
    {"image_urls", "by URL",
     "It fetches images by their https address itself; else the gateway does, for requests that "
     "it translates."},
    {"audio", "audio", "Audio in messages."},
    {"files", "PDF", "Files in messages."},
    {"json_object", "JSON", "`response_format` \"json_object\", by the service itself."},
    {"json_schema", "schema", "`response_format` \"json_schema\", by the service itself."},
    {"reasoning", "reasoning", "Its reasoning can be asked for."},
    {"logprobs", "logprobs", "Log probabilities of tokens."},
    {"many_choices", "n", "Several choices in one reply: `n`."},
    {"embeddings", "embed", "`/embeddings`."},
    {"count_tokens", "count", "It counts the tokens of a prompt; else they are estimated."},
    {"responses", "responses", "`/responses`, relayed."},
    {"completions", "completions", "`/completions`, relayed."},
    {"prefill", "prefill",
     "It goes on with an answer whose beginning it is given; see "
     "[BALANCING.md](BALANCING.md#streams-that-break-off-inside)."},
};

struct NamedText {
    std::string_view name;
    std::string_view help;
};

constexpr NamedText kQuirkTexts[] = {
    {"normalize_replies", "Replies are put right even for clients of the same dialect."},
    {"no_stream_options", "`stream_options` is not sent."},
    {"max_tokens_only", "`max_completion_tokens` is sent as `max_tokens`."},
    {"no_developer_role", "The role `developer` is sent as `system`."},
    {"no_openai_extras", "Fields of OpenAI's own services (`store`, `metadata`) are not sent."},
    {"tool_choice_any", "`tool_choice` \"required\" is sent as \"any\"."},
    {"nine_letter_tool_ids", "Ids of tool calls are made nine letters or digits long."},
    {"random_seed", "`seed` is sent as `random_seed`."},
    {"returns_reasoning_content", "Reasoning of the turn goes back as `reasoning_content`."},
    {"returns_reasoning", "Reasoning of the turn goes back as `reasoning`."},
    {"no_logprobs",
     "`logit_bias` and names of messages are not sent; `logprobs` and `n` are refused."},
    {"model_in_url", "The model stands in the URL, not in the body."},
    {"no_strict_tools", "`strict` of tools and `parallel_tool_calls` are not sent."},
    {"known_fields_only", "Fields that are neither OpenAI's nor the service's are not sent."},
    {"thinking_switch", "Reasoning is asked for by `thinking`; then no tool is demanded."},
    {"reasoning_object", "`reasoning_effort` is sent as `reasoning.effort`."},
    {"template_thinking", "Reasoning is asked for by `chat_template_kwargs.enable_thinking`."},
    {"three_efforts", "`reasoning_effort` becomes one of low, medium, high."},
    {"takes_extensions", "`cache_control`, `thinking_blocks` and their like are passed on."},
    {"tgi_request", "`response_format` takes the form of Text Generation Inference."},
    {"returns_old_reasoning", "Reasoning of earlier turns goes back as well."},
    {"ids_repeat", "Ids of replies are replaced, as they come again."},
    {"continue_final_message",
     "The beginning of an answer is gone on with by `continue_final_message`."},
    {"prefix_flag", "The beginning of an answer says `\"prefix\": true`."},
};

std::string_view quirk_text(std::string_view name) {
    for (const NamedText& text : kQuirkTexts) {
        if (text.name == name) {
            return text.help;
        }
    }
    SLUICE_UNREACHABLE();
}

std::string_view dialect_title(Dialect dialect) {
    switch (dialect) {
        case Dialect::chat:
            return "OpenAI chat completions";
        case Dialect::completions:
            return "OpenAI completions";
        case Dialect::responses:
            return "OpenAI Responses";
        case Dialect::messages:
            return "Anthropic Messages";
        case Dialect::generate_content:
            return "Gemini generateContent";
        case Dialect::converse:
            return "Bedrock Converse";
        case Dialect::invoke_messages:
            return "Anthropic Messages by Bedrock InvokeModel";
        case Dialect::ollama:
            return "Ollama";
    }
    return "";
}

// How a key is sent.
std::string auth_text(const Vendor& vendor) {
    switch (vendor.auth) {
        case AuthScheme::none:
            return "none";
        case AuthScheme::bearer:
            return "`authorization: Bearer`";
        case AuthScheme::header:
            return fmt::format("`{}`", vendor.auth_name);
        case AuthScheme::query:
            return fmt::format("`?{}=`", vendor.auth_name);
        case AuthScheme::google:
            return "a token for the service account";
        case AuthScheme::entra:
            return "a token of Entra ID";
        case AuthScheme::sigv4:
            return "a signature, or an API key as bearer";
    }
    return "";
}

std::string in_code(std::string_view text, std::string_view otherwise) {
    return text.empty() ? std::string(otherwise) : fmt::format("`{}`", text);
}

void append_addresses(std::string& page) {
    page +=
        "\n## Where each is, and its key\n\n"
        "`token_env` and `token_file` name another place for the key, `auth` another way to\n"
        "send it, `base_url` another address. `{location}` and `{region}` are filled in from\n"
        "`location`, `{resource}` is a part of the address that only its owner knows.\n\n"
        "| `provider` | service | dialect | address | key from | sent as |\n"
        "|---|---|---|---|---|---|\n";
    for (const Vendor* const vendor : providers::vendors()) {
        page += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", vendor->name, vendor->title,
                            dialect_title(vendor->dialect), in_code(vendor->base_url, "`base_url`"),
                            in_code(vendor->key_env, ""), auth_text(*vendor));
    }
}

void append_list(std::string& page,
                 std::string_view title,
                 const std::span<const std::string_view> names) {
    if (names.empty()) {
        return;
    }
    page += fmt::format("- {}", title);
    std::string_view separator = ": ";
    for (const std::string_view name : names) {
        page += fmt::format("{}`{}`", separator, name);
        separator = ", ";
    }
    page += ".\n";
}

void append_deviations(std::string& page) {
    page += "\n## In what each deviates\n";
    for (const Vendor* const vendor : providers::vendors()) {
        page += fmt::format("\n### {}\n\n`{}`\n\n", vendor->title, vendor->name);
        const size_t before = page.size();
        for (const std::string_view name : providers::quirk_names()) {
            providers::Quirk quirk{};
            if (providers::find_quirk(name, quirk) && vendor->has(quirk)) {
                page += fmt::format("- `{}`: {}\n", name, quirk_text(name));
            }
        }
        append_list(page, "Fields of its own", vendor->own_fields);
        append_list(page, "Left out", vendor->dropped_fields);
        if (page.size() == before) {
            page += "None.\n";
        }
    }
}

void append_names(std::string& page) {
    page +=
        "\n## Names for configurations\n\n"
        "`quirks` takes these, in addition to the provider's own:\n\n"
        "| quirk | what it does |\n|---|---|\n";
    for (const std::string_view name : providers::quirk_names()) {
        page += fmt::format("| `{}` | {} |\n", name, quirk_text(name));
    }
    page +=
        "\n`supports` and `lacks` take these:\n\n"
        "| capability | column | meaning |\n|---|---|---|\n";
    for (const Feature& feature : kFeatures) {
        page += fmt::format("| `{}` | {} | {} |\n", feature.name, feature.heading, feature.help);
    }
}

}  // namespace

std::string feature_table() {
    std::string table = "| |";
    std::string rule = "|---|";
    for (const Feature& feature : kFeatures) {
        table += fmt::format(" {} |", feature.heading);
        rule += "---|";
    }
    table += '\n' + rule + '\n';
    for (const Vendor* const vendor : providers::vendors()) {
        table += fmt::format("| {} |", vendor->title);
        for (const Feature& feature : kFeatures) {
            const bool has = providers::has_capability(vendor->capabilities, feature.name);
            table += has ? " + |" : " |";
        }
        table += '\n';
    }
    return table;
}

std::string providers_markdown() {
    std::string page(kIntroduction);
    page += feature_table();
    append_addresses(page);
    append_deviations(page);
    append_names(page);
    return page;
}

}  // namespace sluice::config
