// What LiteLLM's price file puts before the names of each vendor's models.
#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "providers/price_table.h"

namespace sluice::providers {

namespace {

// In the order in which they are tried. Servers that people run themselves have no price there; an
// operator's own entries still name their models.
struct VendorPrefixes {
    std::string_view vendor;
    std::array<std::string_view, 2> prefixes;
    size_t count = 1;
};

constexpr VendorPrefixes kAll[] = {
    {"anthropic", {""}},
    {"anthropic_bedrock", {"", "bedrock/"}, 2},
    {"anthropic_vertex", {"vertex_ai/", ""}, 2},
    {"azure", {"azure/"}},
    {"azure_foundry", {"azure_ai/", "azure/"}, 2},
    {"bedrock", {"", "bedrock/"}, 2},
    {"cerebras", {"cerebras/"}},
    {"cohere", {"", "cohere/"}, 2},
    {"deepseek", {"deepseek/"}},
    {"fireworks", {"fireworks_ai/"}},
    {"gemini", {"gemini/"}},
    {"groq", {"groq/"}},
    {"huggingface", {"huggingface/"}},
    {"llama_cpp", {"llama_cpp/"}},
    {"mistral", {"mistral/"}},
    {"ollama", {"ollama/"}},
    {"ollama_v1", {"ollama/"}},
    {"openai", {""}},
    {"openai_compatible", {"openai_compatible/"}},
    {"openrouter", {"openrouter/"}},
    {"perplexity", {"perplexity/"}},
    {"sglang", {"sglang/"}},
    {"tgi", {"tgi/"}},
    {"together", {"together_ai/"}},
    {"vertex", {"vertex_ai/", ""}, 2},
    {"vllm", {"vllm/"}},
    {"xai", {"xai/"}},
};

}  // namespace

std::span<const std::string_view> price_prefixes(std::string_view vendor_name) {
    const auto* const found = std::ranges::find(kAll, vendor_name, &VendorPrefixes::vendor);
    return found == std::end(kAll) ? std::span<const std::string_view>()
                                   : std::span(found->prefixes).first(found->count);
}

}  // namespace sluice::providers
